/**
 * History: which states moved, when, and by which mutation; then export and import of the clock.
 * Run it: `node src/machine/examples/remembering.ts`.
 */

import { createMachine, defineSchema, recordHistory } from "../mod.ts";

const schema = defineSchema({
  Idle: { auto: true, remove: ["Busy"] },
  Busy: { remove: ["Idle"] },
  Pulse: { multi: true },
});

const machine = createMachine(schema, { id: "worker" });
let now = Date.UTC(2001, 5, 29, 12, 0, 0);
const history = recordHistory(machine, {
  notCalled: ["Pulse"],
  hasArgs: true,
  hasCanceled: true,
  now: () => now,
});

machine.add("Busy", { job: 7 });
machine.add("Pulse");
now += 60_000;
machine.remove("Busy");

for (const { at, type, called, isAuto, entered, exited } of history) {
  const moved = [...entered.map((name) => `+${name}`), ...exited.map((name) => `-${name}`)];
  const time = new Date(at).toISOString().slice(11, 19);
  console.log(`${time} ${isAuto ? "auto" : type} ${called.join()}: ${moved.join(" ")}`);
}
console.log(`busy for job ${history.lastActivation("Busy")?.args?.job}`);
console.log(`idle then: ${history.wasActive("Idle", now - 60_000, now - 1)}`);

// A machine with the same id and states can import the exported clock, for example from JSON.
const kept = JSON.stringify(machine.export());
const next = createMachine(schema, { id: "worker" });
next.import(JSON.parse(kept));
console.log(`restored: ${next}`);
await next.dispose();
console.log(`disposed: ${next.add("Busy").result}`);
