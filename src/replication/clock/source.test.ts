import { describe, expect, it } from "vitest";
import {
  createMachine,
  defineSchema,
  type Machine,
  type MachineOptions,
} from "../../machine/mod.ts";
import { VirtualTime } from "../../testing/virtual_time.ts";
import type { MutationRequest, MutationResponse } from "./mutation.ts";
import { createSource, type SourceOptions } from "./source.ts";

const SCHEMA = defineSchema({
  A: { remove: ["B"] },
  B: { remove: ["A"] },
  Multi: { multi: true },
  Auto: { auto: true, require: ["A"] },
});

function setUp(options: SourceOptions = {}, machineOptions: Omit<MachineOptions, "states"> = {}) {
  const machine = createMachine(SCHEMA, { id: "m", ...machineOptions }) as unknown as Machine;
  const time = new VirtualTime();
  return {
    machine,
    time,
    source: createSource(machine, { time, epoch: "00000000000000aa", ...options }),
  };
}

describe("createSource()", () => {
  it("numbers each change of the clock, including auto transitions, and no other transition", () => {
    const { machine, source } = setUp();
    expect(source.clock.version).toBe("00000000000000aa-0");
    machine.add("A");
    expect(source.clock.seq).toBe(2);
    machine.add("A");
    machine.add(["A", "B"]);
    machine.canAdd("B");
    expect(source.clock.seq).toBe(2);
    machine.add("Multi");
    machine.add("Multi");
    expect(source.clock.seq).toBe(4);
    expect([...source.clock.ticks]).toEqual([...machine.ticks]);
  });

  it("has every tick also after a handler's panic reverted states", () => {
    const { machine, source } = setUp();
    machine.bind({
      MultiState: () => {
        throw new Error("no");
      },
    });
    machine.add(["A", "Multi"]);
    expect([...source.clock.ticks]).toEqual([...machine.ticks]);
    expect(machine.is("Exception")).toBe(true);
  });

  it("records the wall time of each change", async () => {
    const { machine, source, time } = setUp();
    await time.advance(250);
    machine.add("A");
    expect(source.clock.changedAtMs).toBe(VirtualTime.startMs + 250);
  });

  it("responds to a mutation with the version at which it holds, or why it was canceled", () => {
    const { source } = setUp();
    expect(source.mutate({ type: "add", states: ["B"] })).toEqual({
      result: "executed",
      version: "00000000000000aa-1",
    });
    expect(source.mutate({ type: "add", states: ["A", "B"] })).toEqual({
      result: "canceled",
      version: "00000000000000aa-1",
      rejected: { state: "B", by: "relation Remove of A" },
    });
  });

  it("runs an idempotency key once", () => {
    const { machine, source } = setUp();
    const request = { type: "toggle", states: ["B"], idempotencyKey: "k" } as const;
    const response = source.mutate(request);
    expect(source.mutate(request)).toEqual(response);
    expect(machine.tick("B")).toBe(1);
    source.mutate({ ...request, idempotencyKey: "other" });
    expect(machine.tick("B")).toBe(2);
  });

  it("remembers a bounded number of keys", () => {
    const { machine, source } = setUp({ maxKeys: 2 });
    for (const idempotencyKey of ["1", "2", "3", "1"])
      source.mutate({ type: "toggle", states: ["B"], idempotencyKey });
    expect(machine.tick("B")).toBe(4);
  });

  it("refuses an unknown state by name and changes nothing", () => {
    const { source } = setUp();
    expect(() => source.mutate({ type: "add", states: ["A", "Nope"] })).toThrow(
      expect.objectContaining({ code: "unknown_state", states: ["Nope"] }),
    );
    expect(source.clock.seq).toBe(0);
  });

  it.each(["[]", "null", "{", `{"a":${"[".repeat(70)}${"]".repeat(70)}}`])(
    "refuses args %s and changes nothing",
    (argsJson) => {
      const { source } = setUp();
      expect(() => source.mutate({ type: "add", states: ["A"], argsJson })).toThrow(
        expect.objectContaining({ code: "invalid_argument" }),
      );
      expect(source.clock.seq).toBe(0);
    },
  );

  it("attaches a mutation's trace context to its change, and to no other", () => {
    const { machine, source } = setUp();
    const traceContext = new Uint8Array(25).fill(7);
    source.mutate({ type: "add", states: ["A"], traceContext });
    expect(source.clock.traceContextsSince(0)[0]).toBe(traceContext);
    const { seq } = source.clock;
    machine.remove("A");
    expect(source.clock.traceContextsSince(seq)).toEqual([]);
  });

  it("runs the functions that its machine serves, and hides their unforeseen errors", async () => {
    const failed: unknown[] = [];
    const { machine, source } = setUp({ onCallError: (name) => failed.push(name) });
    machine.serve({
      add: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
      nothing: () => {},
      big: () => "x".repeat(262_144),
      loop: () => {
        const circle: unknown[] = [];
        circle.push(circle);
        return circle;
      },
    });
    const { signal } = new AbortController();
    const call = (name: string, argsJson?: string) =>
      source.call({ name, ...(argsJson !== undefined && { argsJson }) }, { signal });
    expect(await call("add", '{"a":1,"b":2}')).toEqual({
      resultJson: '{"sum":3}',
      version: "00000000000000aa-0",
    });
    expect(await call("nothing")).toEqual({ version: "00000000000000aa-0" });
    await expect(call("big")).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining('the result of "big": it has 262146 characters'),
    });
    await expect(call("loop")).rejects.toMatchObject({ code: "internal" });
    expect(failed).toEqual(["loop"]);
    await expect(call("add", "[]")).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(call("ad")).rejects.toMatchObject({ code: "not_found" });
    await expect(call("machine.canAdd", '{"states":"A"}')).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("does not run a call whose caller has gone", async () => {
    const { machine, source } = setUp();
    let runs = 0;
    machine.serve({ count: () => ++runs });
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(source.call({ name: "count" }, { signal })).rejects.toThrow("gone");
    expect(runs).toBe(0);
  });

  it("starts a new epoch with a new schema", () => {
    const { machine, source } = setUp();
    machine.add("A");
    machine.setSchema({ ...SCHEMA, New: {} }, ["A", "Auto", "B", "Exception", "Multi", "New"]);
    expect(source.clock.epoch).not.toBe("00000000000000aa");
    expect(source.clock.seq).toBe(0);
    expect(source.clock.activeStates()).toEqual(["A", "Auto"]);
    machine.add("New" as never);
    expect(source.clock.seq).toBe(1);
  });
});

describe("A source whose machine is disposed", () => {
  it("ends its clock, and its age grows from then on", async () => {
    const { machine, source, time } = setUp();
    const ends: string[] = [];
    source.clock.onEnd(({ code, message }) => ends.push(`${code}: ${message}`));
    await time.advance(1_000);
    expect([source.ageMs(), source.clock.ended]).toEqual([0, undefined]);
    machine.add("A");
    const { version } = source.clock;
    await machine.dispose();
    expect(ends).toEqual(['unavailable: Machine "m" is disposed, and its clock has ended']);
    expect(source.clock.ended).toMatchObject({ code: "unavailable" });
    await time.advance(700);
    expect(source.ageMs()).toBe(700);
    expect(source.clock.version).toBe(version);
    expect(source.clock.activeStates()).toEqual(["A", "Auto"]);
  });

  it("does nothing more if it was closed before", async () => {
    const { machine, source, time } = setUp();
    source.close();
    await machine.dispose();
    await time.advance(700);
    expect([source.ageMs(), source.clock.ended]).toEqual([0, undefined]);
  });

  it("cannot be made", async () => {
    const { machine } = setUp();
    await machine.dispose();
    expect(() => createSource(machine)).toThrow('Cannot make a source: machine "m" is disposed');
  });
});

describe("mutate() within a handler of the same machine", () => {
  type Response = MutationResponse | Promise<MutationResponse>;

  /** The responses to these requests, made while A is added. */
  function mutateWithin(
    { machine, source }: ReturnType<typeof setUp>,
    requests: readonly MutationRequest[],
    after: () => void = () => {},
  ): Promise<MutationResponse[]> {
    const responses: Response[] = [];
    machine.bind({
      AState() {
        for (const request of requests) responses.push(source.mutate(request));
        after();
      },
    });
    machine.add("A");
    return Promise.all(responses);
  }

  it("responds with the version at which the result holds", async () => {
    const both = setUp();
    const tickAt: Record<string, number> = {};
    both.source.clock.onChange(() => {
      tickAt[both.source.clock.version] = both.machine.tick("Multi");
    });
    const responses = await mutateWithin(both, [
      { type: "add", states: ["Multi"] },
      { type: "toggle", states: ["Multi"] },
    ]);
    expect(responses).toEqual([
      { result: "executed", version: "00000000000000aa-3" },
      { result: "executed", version: "00000000000000aa-4" },
    ]);
    expect(responses.map(({ version }) => tickAt[version])).toEqual([1, 3]);
  });

  it("responds with the reason why it was canceled", async () => {
    const both = setUp();
    both.machine.bind({ MultiEnter: () => false });
    expect(await mutateWithin(both, [{ type: "add", states: ["Multi"] }])).toEqual([
      {
        result: "canceled",
        version: "00000000000000aa-2",
        rejected: { state: "Multi", by: "handler MultiEnter" },
      },
    ]);
  });

  it("responds to one that the machine drops as a duplicate as to the one in the queue", async () => {
    const both = setUp();
    both.machine.bind({ BEnter: () => false });
    const request = { type: "add", states: ["B"] } as const;
    const [first, second] = await mutateWithin(both, [request, request]);
    expect(first).toMatchObject({ result: "canceled" });
    expect(second).toEqual(first);
  });

  it("runs an idempotency key once, also while it is queued", async () => {
    const both = setUp();
    const request = { type: "add", states: ["Multi"], idempotencyKey: "k" } as const;
    const [first, second] = await mutateWithin(both, [request, request]);
    expect(both.machine.tick("Multi")).toBe(1);
    expect(second).toEqual(first);
    expect(both.source.mutate(request)).toEqual(first);
    expect(() => both.source.mutate({ ...request, type: "remove" })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });

  it("responds that it is canceled if a handler's deadline empties the queue", async () => {
    let nowMs = 0;
    const both = setUp({}, { now: () => nowMs, handlerTimeoutMs: 1, handlerDeadlineMs: 10 });
    const responses = await mutateWithin(both, [{ type: "add", states: ["Multi"] }], () => {
      nowMs += 100;
    });
    expect(responses).toEqual([
      {
        result: "canceled",
        version: both.source.clock.version,
        rejected: { by: "a handler's deadline, which emptied the queue" },
      },
    ]);
  });
});
