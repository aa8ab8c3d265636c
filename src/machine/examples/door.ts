/**
 * A door: states with relations, auto states, and the reasons of canceled mutations.
 * Run it: `node src/machine/examples/door.ts`.
 */

import { createMachine, defineSchema } from "../mod.ts";

const door = createMachine(
  defineSchema({
    Open: { remove: ["Closed", "Locked"] },
    // The machine activates it whenever no other state prevents that.
    Closed: { auto: true, remove: ["Open"] },
    Locked: { require: ["Closed"] },
    Powered: {},
    Alarm: { require: ["Powered", "Locked"] },
  }),
  { id: "door" },
);

console.log(`lock: ${door.add("Locked").result}`);
console.log(`now: ${door}`);

// Auto states activate after any transition that moves the clock.
door.add("Powered");
console.log(`powered: ${door}`);
console.log(`lock with alarm: ${door.add(["Locked", "Alarm"]).result}`);

// Open removes Closed and Locked; Alarm deactivates because it requires Locked.
door.add("Open");
console.log(`opened: ${door}`);

const refused = door.add("Alarm");
if (refused.result === "canceled") console.log(`alarm: no, by ${refused.rejected.by}`);

// Ticks count how often a state flipped; odd is active.
console.log(`all: ${door.toStringAll()}`);
