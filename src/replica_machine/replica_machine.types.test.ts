/** What compiles on a replica of the flights, and what does not: `@ts-expect-error` fails the type check if its line compiles. */

import { describe, expect, expectTypeOf, it } from "vitest";
import { type StateName, schema, stateNames } from "../../gen/flight_states.ts";
import { createMachine, type Machine, MachineError } from "../machine/mod.ts";
import { createSource } from "../replication/clock/source.ts";
import { VersionedClock } from "../replication/clock/versioned_clock.ts";
import type { Flip, ReplicaView } from "./event.ts";
import { createReplicaMachine, type ReplicaMachine } from "./replica_machine.ts";

function create(): ReplicaMachine<StateName> {
  const machine = createMachine(schema, { states: stateNames }) as unknown as Machine;
  return createReplicaMachine(createSource(machine).clock, {
    states: stateNames,
    onError() {},
  });
}

describe("The types of a machine on a replica", () => {
  it("take the names of states from the generated schema", () => {
    const replica = create();
    expectTypeOf(replica).toEqualTypeOf<ReplicaMachine<StateName>>();
    expect(replica.is("Flight1Delayed")).toBe(false);
    // @ts-expect-error there are ten flights
    expect(replica.is("Flight11Delayed")).toBe(false);
    // @ts-expect-error the state is "Delayed"
    expect(() => replica.when("Flight1Late")).toThrow(MachineError);
    // @ts-expect-error the state is "Delayed"
    expect(replica.any("Flight1OnTime", ["Flight1Late"])).toBe(false);
  });

  it("offer no way to change the clock", () => {
    const replica = create();
    expect("add" in replica).toBe(false);
    // @ts-expect-error only the source runs mutations
    expect(replica.add).toBeUndefined();
    // @ts-expect-error the schema comes with the clock
    expect(replica.setSchema).toBeUndefined();
  });

  it("know final handlers by name, and their events", () => {
    const replica = create();
    replica.handle({
      Flight1DelayedState({ name, machine, state, flip, change, signal }) {
        expectTypeOf(name).toEqualTypeOf<string>();
        expectTypeOf(machine).toEqualTypeOf<ReplicaView<StateName>>();
        expectTypeOf(machine.is).toBeCallableWith("Flight1OnTime");
        expectTypeOf(machine.when).toBeCallableWith(["Flight1OnTime"], { signal });
        expectTypeOf(machine.stateSignal("Flight1OnTime")).toEqualTypeOf<AbortSignal>();
        // @ts-expect-error there are ten flights
        machine.is("Flight11Delayed");
        expectTypeOf(state).toEqualTypeOf<"Flight1Delayed">();
        expectTypeOf(flip).toEqualTypeOf<Flip<"Flight1Delayed">>();
        expectTypeOf(change.flips).toEqualTypeOf<readonly Flip<StateName>[]>();
        expectTypeOf(change.traceContexts).toEqualTypeOf<readonly Uint8Array[]>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      },
      async Flight1DelayedEnd() {},
      AnyState({ state, flip }) {
        expectTypeOf(state).toEqualTypeOf<undefined>();
        expectTypeOf(flip).toEqualTypeOf<undefined>();
      },
    });
    // @ts-expect-error there are ten flights
    expect(() => replica.handle({ Flight11DelayedState() {} })).toThrow(MachineError);
    // @ts-expect-error the handler is "Flight1DelayedEnd"
    expect(() => replica.handle({ Flight1DelayedEnds() {} })).toThrow(MachineError);
    // @ts-expect-error a replica cannot veto
    expect(() => replica.handle({ Flight1DelayedEnter: () => true })).toThrow(MachineError);
    // @ts-expect-error a replica cannot veto
    expect(() => replica.handle({ Flight1OnTime: { Flight1Delayed() {} } })).toThrow(MachineError);
    // @ts-expect-error a final handler returns nothing
    replica.handle({ Flight1DelayedState: () => false });
  });

  it("accept any name where names are known only at run time", async () => {
    const replica = createReplicaMachine(new VersionedClock(), { onError() {} });
    expectTypeOf(replica).toEqualTypeOf<ReplicaMachine<string>>();
    replica.handle({ WhateverState: ({ flip }) => void expectTypeOf(flip).toEqualTypeOf<Flip>() });
    replica.bind(Object.fromEntries(["A", "B"].map((state) => [`${state}State`, () => {}])));
    await replica.close();
    expect(replica.names).toEqual([]);
  });
});
