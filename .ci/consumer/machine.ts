/** A program of a user: only the machine. */

import { createMachine, defineSchema } from "tree-state-source/machine";

const door = createMachine(
  defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true, remove: ["Open"] } }),
  { id: "door" },
);
door.handle({
  OpenState: () => console.log("opened"),
});
// @ts-expect-error: a misspelt state does not compile
if (door.names.includes("Opened")) throw new Error("unexpected state");
console.log(door.add("Open").result);
await door.when("Open");
console.log(door.toString());
