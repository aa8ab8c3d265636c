import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";

describe("Machine.eval()", () => {
  it("runs at once if no transition is running, and mutations made in it afterwards", async () => {
    const machine = createMachine({ A: {} });
    const log: unknown[] = [];
    const done = machine.eval(() => {
      log.push(machine.add("A"), machine.is("A"));
      return 7;
    });
    log.push(machine.is("A"));
    expect(log).toEqual([{ result: "queued", queueTick: 2 }, false, true]);
    expect(await done).toBe(7);
  });

  it("runs after the current transition and before the queue", async () => {
    const machine = createMachine({ A: {}, B: {} });
    const log: string[] = [];
    let done: Promise<unknown> | undefined;
    machine.handle({
      AState() {
        machine.add("B");
        done = machine.eval(() => log.push(machine.toString()));
        log.push("handler");
        expect(machine.queue.map(({ states }) => states)).toEqual([["B"]]);
      },
      BEnter: () => void log.push("B"),
    });
    machine.add("A");
    await done;
    expect(log).toEqual(["handler", "(A:1)", "B"]);
    expect(machine.queueTick).toBe(3);
    expect(machine.err).toBeUndefined();
  });

  it("is not a mutation: no duplicate of an empty add, and invisible to tracers", () => {
    const machine = createMachine({ A: {} });
    const queued: string[] = [];
    let nested: unknown;
    machine.trace({ mutationQueued: (_, { states }) => queued.push(states.join()) });
    machine.handle({
      AState() {
        void machine.eval(() => {});
        nested = machine.add([]);
      },
    });
    machine.add("A");
    expect(nested).toEqual({ result: "queued", queueTick: 3 });
    expect(queued).toEqual(["A", ""]);
  });

  it("rejects with what the function throws; the queue continues", async () => {
    const machine = createMachine({ A: {} });
    const failed = machine.eval(() => {
      machine.add("A");
      throw new Error("broken");
    });
    await expect(failed).rejects.toThrow("broken");
    expect(machine.is("A")).toBe(true);
    expect(machine.isErr).toBe(false);
  });

  it("rejects on a disposed machine", async () => {
    const machine = createMachine({ A: {} }, { id: "m" });
    await machine.dispose();
    await expect(machine.eval(() => 1)).rejects.toThrow(
      'Cannot run on machine "m": it is disposed',
    );
  });
});

describe("canAdd() with onResult", () => {
  it("receives the result of a check that is not queued, and of a refused one", async () => {
    const machine = createMachine({ A: {}, B: { require: ["A"] } });
    const results: string[] = [];
    const onResult = ({ result }: { result: string }) => results.push(result);
    machine.canAdd("B", undefined, { onResult });
    machine.canRemove("A", undefined, { onResult });
    await machine.dispose();
    machine.canAdd("A", undefined, { onResult });
    expect(results).toEqual(["canceled", "executed", "canceled"]);
  });

  it("receives no results of later mutations", () => {
    const machine = createMachine({ A: {}, B: {} });
    let answers = 0;
    machine.canAdd("A", undefined, { onResult: () => answers++ });
    machine.add("B");
    expect(answers).toBe(1);
  });

  it("keeps what onResult throws as the machine's error", () => {
    const machine = createMachine({ A: {} });
    const onResult = () => {
      throw new Error("broken");
    };
    expect(machine.canAdd("A", undefined, { onResult }).result).toBe("executed");
    expect(machine.err?.message).toBe("broken");
  });
});
