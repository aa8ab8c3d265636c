/** An address that neither accepts nor refuses connections, as behind a firewall that drops packets. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";

const HOST = "127.0.0.1";
const BACKLOG = 1;
const SCRIPT = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "${HOST}", backlog: ${BACKLOG} }, () => console.log(server.address().port));
  process.once("disconnect", () => process.exit());
`;

/**
 * Suspends a listening process and fills its queue of connections: the system drops the first packet of any
 * further connection.
 */
export async function listenInVain(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const child = spawn(process.execPath, ["-e", SCRIPT], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const [line] = await once(child.stdout!, "data");
  const port = Number(line);
  child.kill("SIGSTOP");
  // Linux queues one more than the backlog.
  const fillers = Array.from({ length: BACKLOG + 1 }, () => connect(port, HOST));
  await Promise.all(fillers.map((filler) => once(filler, "connect")));
  return {
    port,
    async close() {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      for (const filler of fillers) filler.destroy();
      await closed;
    },
  };
}
