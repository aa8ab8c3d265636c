/** A program with a machine of its own, for the smoke tests: prints what a leaf shows after a mutation. Its argument is a file of `src/node/`. */

import process from "node:process";
import { createMachine, defineSchema } from "../machine/mod.ts";
import type { StartNode } from "../node/node.ts";

const [, , file] = process.argv;
const { startNode } = (await import(`../node/${file}.ts`)) as { readonly startNode: StartNode };

const door = createMachine(defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true } }), {
  id: "door",
});
const ports = { addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0", drainMs: 100 };
const root = await startNode({ machine: door, ...ports });
const leaf = await startNode({ name: "leaf", parentAddr: root.addr, telemetry: true, ...ports });
const response = await fetch(`http://${leaf.httpAddr}/mutations`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ type: "add", states: ["Open"] }),
});
const { version } = (await response.json()) as { version: string };
const shown = await fetch(`http://${leaf.httpAddr}/states?min-version=${version}&wait=10000`);
const { machine, states } = (await shown.json()) as { machine: string; states: string[] };
const metrics = await (await fetch(`http://${leaf.httpAddr}/metrics`)).text();
const hasMetrics = /^machine_states_known\{.*machine_id="door"/m.test(metrics);
const refused = await startNode({ machine: door, ...ports }).catch((error) => error.name);
await leaf.close();
await root.close();
console.log(JSON.stringify({ machine, states, hasMetrics, refused }));
