// biome-ignore-all format: the first lines are those of the documentation
import { createMachine, defineSchema } from "tree-state-source/machine";
import { connect, startNode } from "tree-state-source/node";

const door = createMachine(defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true } }), { id: "door" });
const root = await startNode({ machine: door, addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" });
const leaf = await startNode({ name: "leaf", parentAddr: root.addr, httpAddr: "127.0.0.1:0", addr: "127.0.0.1:0" });
const remote = await connect(leaf.addr);            // an address, a list, or options
const { result, version } = await remote.add("Open"); // executed at the root, visible here when it resolves
remote.is("Open");                                   // true

console.log(result, version !== "", remote.is("Open"), door.is("Open"));
await remote.close();
await leaf.close();
await root.close();
