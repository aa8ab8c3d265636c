/** A program of a user: the client for browsers, over `fetch`. */

import { connect } from "tree-state-source/client";
import { createMachine, defineSchema } from "tree-state-source/machine";
import { startNode } from "tree-state-source/node";

const schema = defineSchema({ Open: {} });
const machine = createMachine(schema);
const root = await startNode({ machine, addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" });
const remote = await connect({ addresses: root.httpAddr, schema });
// @ts-expect-error: a misspelt state does not compile
const misspelt = () => remote.add("Opened");
console.log((await remote.add("Open")).result, remote.is("Open"), typeof misspelt);
await remote.close();
await root.close();
