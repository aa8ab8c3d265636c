/**
 * The first steps, as README.md shows them.
 * Run it: `node src/machine/examples/first_steps.ts`.
 */

import { createMachine, defineSchema } from "../mod.ts";

const door = createMachine(
  defineSchema({
    Open: { remove: ["Closed", "Locked"] },
    Closed: { auto: true, remove: ["Open"] }, // activates by itself when no other state prevents it
    Locked: { require: ["Closed"] },
  }),
);

console.log(door.add("Open").result); // executed

const result = door.add("Locked");
if (result.result === "canceled") console.log(`canceled: ${result.rejected.by}`);

door.handle({
  // Runs before anything changes: false cancels the transition.
  OpenEnter: ({ args }) => args?.by !== "thief",
  // Runs afterwards; the signal aborts as soon as Closed changes again.
  async ClosedState({ signal }) {
    await Promise.resolve();
    if (!signal.aborted) console.log("closed");
  },
});

door.remove("Open");
await door.when("Closed");
