/**
 * History: which states moved, when, and by which mutation; and the clock taken along to another life.
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

// A clock can be exported, kept as JSON, and imported by a machine of the same id and states.
const kept = JSON.stringify(machine.export());
const next = createMachine(schema, { id: "worker" });
next.import(JSON.parse(kept));
console.log(`next life: ${next}`);
await next.dispose();
console.log(`disposed: ${next.add("Busy").result}`);
