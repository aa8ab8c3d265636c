/** A machine of a user, for `tree-state-source node --machine door.mjs`. */

import { createMachine, defineSchema } from "tree-state-source/machine";

export default () =>
  createMachine(
    defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true, remove: ["Open"] } }),
    { id: "door" },
  );
