/**
 * A door: states with relations, and reasons for what cannot be.
 * Run it: `node src/machine/examples/door.ts`.
 */

import { createMachine, defineSchema } from "../mod.ts";

const door = createMachine(
  defineSchema({
    Open: { remove: ["Closed", "Locked"] },
    // Active by itself whenever nothing keeps it from being so.
    Closed: { auto: true, remove: ["Open"] },
    Locked: { require: ["Closed"] },
    Powered: {},
    Alarm: { require: ["Powered", "Locked"] },
  }),
  { id: "door" },
);

console.log(`lock: ${door.add("Locked").result}`);
console.log(`now: ${door}`);

// Anything that moves the clock lets auto states in.
door.add("Powered");
console.log(`powered: ${door}`);
console.log(`lock with alarm: ${door.add(["Locked", "Alarm"]).result}`);

// Opening takes Closed and Locked along, and Alarm falls, as it requires Locked.
door.add("Open");
console.log(`opened: ${door}`);

const refused = door.add("Alarm");
if (refused.result === "canceled") console.log(`alarm: no, by ${refused.rejected.by}`);

// Ticks count how often a state flipped: odd is active.
console.log(`all: ${door.toStringAll()}`);
