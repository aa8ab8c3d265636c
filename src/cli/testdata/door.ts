/** A machine for tests of `--machine`: a door, open or closed. */

import { createMachine, defineSchema } from "../../machine/mod.ts";

export default createMachine(
  defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true, remove: ["Open"] } }),
  { id: "door" },
);
