/**
 * Pipes between machines: the states of a connection drive those of a service.
 * Run it: `node src/machine/examples/piped.ts`.
 */

import { BASIC, CONNECTED, createMachine, mergeSchemas, pipe, pipeErr, pipeStart } from "../mod.ts";

const connection = createMachine(mergeSchemas(BASIC, CONNECTED), { id: "connection" });
const service = createMachine(BASIC, { id: "service" });

// Start goes to the connection; Connected and errors come back.
pipeStart(service, connection);
pipe(connection, "Connected", service, "Ready");
pipeErr(connection, service, "ErrNetwork");

service.add("Start");
await connection.when("Start");
console.log(`${connection.id} ${connection}`);

connection.add("Connecting");
connection.add("Connected");
await service.when("Ready");
console.log(`${service.id} ${service}`);

connection.addErr(new Error("line is dead"), "ErrConnecting");
connection.add("Disconnected");
await service.whenNot("Ready");
console.log(`${service.id} ${service}`);
console.log(`error: ${service.err?.message}`);
