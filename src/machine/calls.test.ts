import { describe, expect, it } from "vitest";
import { createMachine } from "./engine/create_machine.ts";

function setUp() {
  return createMachine({ A: {} }, { id: "m" });
}

describe("Machine.serve() and Machine.call()", () => {
  it("run a function with args and the caller's context, and resolve to its result", async () => {
    const machine = setUp();
    machine.serve({
      add: async ({ a, b }: { a: number; b: number }, { context }) => [a + b, context],
    });
    expect(machine.servedCalls).toEqual(["add"]);
    expect(await machine.call("add", { a: 1, b: 2 }, { context: "c" })).toEqual([3, "c"]);
  });

  it("reject with what the function throws, and for a name that is not served", async () => {
    const machine = setUp();
    const remove = machine.serve({
      fail: () => {
        throw new Error("it failed");
      },
    });
    await expect(machine.call("fail")).rejects.toThrow("it failed");
    await expect(machine.call("fial")).rejects.toMatchObject({
      code: "unknown_call",
      message: 'Cannot call "fial": machine "m" does not serve it; the nearest known are "fail"',
    });
    remove();
    await expect(machine.call("fail")).rejects.toMatchObject({ code: "unknown_call" });
  });

  it("do not run for a caller that has gone", async () => {
    const machine = setUp();
    let runs = 0;
    machine.serve({ count: () => ++runs });
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(machine.call("count", undefined, { signal })).rejects.toThrow("gone");
    expect(runs).toBe(0);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ ok: () => 1, "a b": () => 1 }, 'Cannot serve "a b" on "m": a name is 1 to 255'],
    [{ ok: () => 1, "machine.x": () => 1 }, "the machine's own"],
    [{ ok: () => 1, x: 5 }, "it is not a function, but number"],
    [{ ok: () => 1, taken: () => 1 }, "it is served already"],
  ])("refuse %j as a whole", (calls, message) => {
    const machine = setUp();
    machine.serve({ taken: () => 1 });
    expect(() => machine.serve(calls as never)).toThrow(message);
    expect(machine.servedCalls).toEqual(["taken"]);
  });
});
