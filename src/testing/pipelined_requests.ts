/**
 * Pipelines 100 requests over one connection to the HTTP listener of a runtime ("node", "deno" or
 * "bun", the argument) and prints how many run at once and how many receive their response in order.
 */

import { connect } from "node:net";
import process from "node:process";

const { listenHttp } = await import(`../runtime/${process.argv[2]}.ts`);
let running = 0;
let most = 0;
const listener = await listenHttp(
  async (request: Request) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return new Response(`${new URL(request.url).pathname};`);
  },
  { host: "127.0.0.1", port: 0 },
);

const paths = Array.from({ length: 100 }, (_, i) => `/${i}`);
const socket = connect(listener.port, "127.0.0.1");
socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(""));
let text = "";
let answered: string[] = [];
await new Promise<void>((resolve) => {
  socket.on("data", (chunk) => {
    text += chunk;
    answered = text.match(/\/\d+(?=;)/g) ?? [];
    if (answered.length === paths.length) resolve();
  });
  socket.on("error", () => {});
  socket.on("close", resolve);
});
const inOrder = answered.filter((path, i) => path === paths[i]).length;
console.log(JSON.stringify({ most, inOrder }));
process.exit();
