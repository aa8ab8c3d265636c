/**
 * A board for flights: a schema composed of parts, groups of states, and changes of the clock.
 * Run it: `node src/machine/examples/flights_board.ts`.
 */

import { BASIC, createMachine, defineGroups, defineSchema, mergeSchemas } from "../mod.ts";

const STATUS = ["OnTime", "Delayed", "Departed"] as const;
const GATES = ["GateA", "GateB"] as const;

const schema = mergeSchemas(
  BASIC,
  defineSchema({
    // Each removes the other states of its group; parsing drops its own name.
    OnTime: { remove: STATUS },
    Delayed: { remove: STATUS },
    Departed: { remove: [...STATUS, "Boarding"] },
    GateA: { remove: GATES },
    GateB: { remove: GATES },
    HasGate: {},
    Boarding: { require: ["HasGate"] },
  }),
);
const groups = defineGroups(schema, { Status: STATUS, Gates: GATES });

const flight = createMachine(schema, { id: "KL1001" });
flight.onClockChange((indexes) => {
  const changes = [...indexes].map((index) => {
    const name = flight.names[index]!;
    return `${flight.is(name) ? "+" : "-"}${name}`;
  });
  console.log(`  ${changes.join(" ")}`);
});

const show = () =>
  console.log(
    `${flight.id}: ${flight.switch(groups.Status) ?? "?"}, ${flight.switch(groups.Gates) ?? "no gate"}`,
  );

flight.add(["OnTime", "GateA", "HasGate"]);
show();
flight.add(["Delayed", "GateB"]);
show();
flight.add("Boarding");
flight.add("Departed");
show();

// Two states of an exclusive group contradict each other: the whole mutation is canceled.
const both = flight.add(["OnTime", "Delayed"]);
if (both.result === "canceled") {
  console.log(`both: no, ${both.rejected.state} by ${both.rejected.by}`);
}
