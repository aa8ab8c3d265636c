import { describe, expect, it } from "vitest";
import { bind, setUp } from "../_setup.ts";
import type { HandlerEvent } from "../machine.ts";
import type { Schema } from "../schema.ts";

/** A machine whose handlers keep their events. */
function keepEvents(...names: string[]) {
  const machine = setUp({ A: {}, M: { multi: true } });
  const events: HandlerEvent[] = [];
  const keep = (event: HandlerEvent) => void events.push(event);
  bind(machine, Object.fromEntries(names.map((name) => [name, keep])));
  return { machine, events, aborted: () => events.map(({ signal }) => signal.aborted) };
}

describe("HandlerEvent.signal", () => {
  it("is the state's signal while the state does not change", () => {
    const { machine, events } = keepEvents("AState");
    machine.add("A");
    machine.add("M");
    expect(events[0]!.signal).toBe(machine.stateSignal("A"));
    machine.remove("A");
    expect(events[0]!.signal.aborted).toBe(true);
  });

  it("has aborted if read after the state changed, even if it changed back", () => {
    const { machine, aborted } = keepEvents("AState");
    machine.add("A");
    machine.remove("A");
    machine.add("A");
    expect(aborted()).toEqual([true, false]);
  });

  it("has aborted if read after a multi state was called again, or after the state of a negotiation handler changed", () => {
    const { machine, aborted } = keepEvents("MState", "MEnter");
    machine.add("M");
    expect(aborted()).toEqual([true, false]);
    machine.add("M");
    expect(aborted()).toEqual([true, true, true, false]);
  });

  it("has aborted if read after the machine was disposed", async () => {
    const { machine, events, aborted } = keepEvents("AEnd", "AnyState");
    machine.add("A");
    machine.remove("A");
    expect(aborted()).toEqual([false, false, false]);
    await machine.dispose();
    expect(aborted()).toEqual([true, true, true]);
    expect(events[1]!.name).toBe("AEnd");
    expect(events[1]!.signal).toBe(machine.signal);
  });

  it("has aborted if read after a new schema dropped its state", () => {
    const machine = setUp({ A: {}, M: {} });
    const events: HandlerEvent[] = [];
    const remove = bind(machine, { AEnter: (event) => void events.push(event) });
    machine.add("A");
    machine.remove("A");
    remove();
    const larger: Schema = { M: {}, N: {}, O: {}, Exception: {} };
    machine.setSchema(larger, Object.keys(larger));
    expect(events.map(({ signal }) => signal.aborted)).toEqual([true]);
  });
});
