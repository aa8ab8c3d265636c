/**
 * Waiting for states, ticks, conditions and args, with a signal to abort.
 * Run it: `node src/machine/examples/waiting.ts`.
 */

import { createMachine, defineSchema } from "../mod.ts";

const machine = createMachine(
  defineSchema({ Start: {}, Ready: { require: ["Start"] }, Beat: { multi: true } }),
  { id: "worker" },
);

const seen: string[] = [];
const note = (text: string) => () => void seen.push(text);

const waits = [
  machine.when(["Start", "Ready"]).then(note("started and ready")),
  // Beat's tick grows by 1 when it activates, and by 2 each time it is called again.
  machine.whenTicks("Beat", 5).then(note("three beats")),
  machine.whenQuery((ticks) => ticks[machine.indexOf("Beat")]! > 6).then(note("beyond 6")),
  machine.whenArgs("Beat", { by: "hand" }).then(note("a beat by hand")),
];

const impatient = new AbortController();
const gaveUp = machine
  .whenErr({ signal: impatient.signal })
  .catch((reason: Error) => note(reason.message)());

machine.add(["Start", "Ready"]);
for (let i = 0; i < 4; i++) machine.add("Beat", i === 3 ? { by: "hand" } : undefined);
await Promise.all(waits);

impatient.abort(new Error("no error came"));
await gaveUp;

for (const line of seen.sort()) console.log(line);
console.log(`open waits: ${machine.waitCount}`);
