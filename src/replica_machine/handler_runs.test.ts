import { describe, expect, it } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { settle } from "../testing/virtual_time.ts";
import type { ReplicaEvent } from "./event.ts";
import type { ReplicaMachineOptions } from "./replica_machine.ts";

type State = "A" | "B" | "C";

function setUp(options: Partial<ReplicaMachineOptions<State>> = {}) {
  const followed = new FollowedClock<State>({ A: {}, B: {}, C: {} });
  const replica = followed.replica(options);
  followed.snapshot();
  return { followed, replica };
}

const forever = () => new Promise<void>(() => {});

function fail(message: string): never {
  throw new Error(message);
}

describe("An error of a handler", () => {
  it("goes to onError with its event, and affects neither other handlers nor the clock", async () => {
    const failed: [message: string, name: string | undefined][] = [];
    const { replica, followed } = setUp({
      onError: (error, event) => failed.push([error.message, event?.name]),
    });
    const calls: string[] = [];
    replica.handle({
      AState: () => fail("thrown"),
      BState: async () => fail("rejected"),
      AnyState() {
        throw "not an error";
      },
    });
    replica.handle({
      AState: () => void calls.push("A"),
      BState: () => void calls.push("B"),
      AnyState: () => void calls.push("any"),
    });
    await followed.push("+A,B");
    expect(calls.splice(0)).toEqual(["A", "B", "any"]);
    expect(failed.splice(0)).toEqual([
      ["thrown", "AState"],
      ["not an error", "AnyState"],
      ["rejected", "BState"],
    ]);
    expect(followed.clock.checksum).toBe(followed.source.clock.checksum);
    expect(replica.activeStates()).toEqual(["A", "B"]);
    await followed.push("-A");
    expect(failed).toEqual([["not an error", "AnyState"]]);
    expect(calls).toEqual(["any"]);
  });

  it("goes to onError without an event if a clock listener throws", async () => {
    const failed: unknown[] = [];
    const { replica, followed } = setUp({
      onError: (error, event) => failed.push(error.message, event),
    });
    replica.onClockChange(() => fail("made up"));
    await followed.push("+A");
    expect(failed).toEqual(["made up", undefined]);
  });
});

describe("An async handler", () => {
  it("delays neither the clock, nor other handlers, nor its own next call", async () => {
    const { replica, followed } = setUp();
    const calls: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    replica.handle({
      async AState({ flip }) {
        calls.push(`A ${flip.tick}`);
        await promise;
        calls.push(`A ${flip.tick} done`);
      },
      BState: () => void calls.push("B"),
    });
    for (const mutation of ["+A", "+B", "-A", "+A"]) await followed.push(mutation);
    expect(replica.running).toBe(2);
    resolve();
    await settle();
    expect(calls).toEqual(["A 1", "B", "A 3", "A 1 done", "A 3 done"]);
    expect(replica.running).toBe(0);
  });

  it("may stop without an error when its signal aborts, as the state moves on", async () => {
    const { replica, followed } = setUp();
    const signals: AbortSignal[] = [];
    replica.handle({
      async AState({ signal }) {
        signals.push(signal);
        const { promise, reject } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => reject(signal.reason));
        await promise;
      },
    });
    await followed.push("+A");
    await followed.push("+B");
    expect(signals[0]!.aborted).toBe(false);
    await followed.push("-A");
    expect(signals[0]!.aborted).toBe(true);
    expect(replica.running).toBe(0);
    expect(followed.errors).toEqual([]);
  });

  it("has an aborted signal if it first reads it after the state moved on, or in another epoch", async () => {
    const { replica, followed } = setUp();
    const events: ReplicaEvent<State, "A" | "B">[] = [];
    const keep = (event: ReplicaEvent<State, "A" | "B">) => void events.push(event);
    replica.handle({ AState: keep, BState: keep, AEnd() {} });
    for (const mutation of ["+A", "-A", "+A,B"]) await followed.push(mutation);
    expect(events.slice(0, 2).map(({ signal }) => signal.aborted)).toEqual([true, false]);
    followed.restart();
    followed.run("+B");
    followed.snapshot();
    // The same tick as in the event, but of another epoch.
    expect(replica.tick("B")).toBe(1);
    expect(events[2]!.signal.aborted).toBe(true);
  });

  it("fails if it ends after its signal, but for another reason", async () => {
    const { replica, followed } = setUp();
    const { promise, reject } = Promise.withResolvers<void>();
    replica.handle({ AState: () => promise });
    await followed.push("+A");
    await followed.push("-A");
    reject(new Error("refused"));
    await settle();
    expect(followed.errors).toEqual(["refused"]);
  });

  it("fails at its deadline: its signal aborts, and its later result is ignored", async () => {
    const { replica, followed } = setUp({ handlerDeadlineMs: 500 });
    const { promise, reject } = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    replica.handle({
      AState(event) {
        signal = event.signal;
        return promise;
      },
    });
    await followed.push("+A");
    await followed.time.advance(499);
    expect([signal!.aborted, replica.running]).toEqual([false, 1]);
    await followed.time.advance(1);
    expect([signal!.aborted, replica.running]).toEqual([true, 0]);
    reject(new Error("too late"));
    await settle();
    expect(followed.errors).toEqual(['Handler "AState" of "replica" did not finish within 500 ms']);
    expect(followed.time.pending).toBe(0);
  });

  it("makes further changes wait while maxRunning are running; they merge, and none is lost", async () => {
    const { replica, followed } = setUp({ maxRunning: 2 });
    const open: (() => void)[] = [];
    const calls: string[] = [];
    replica.handle({
      AState({ flip }) {
        calls.push(`A ${flip.tickBefore}>${flip.tick}, ${flip.activations} times`);
        return new Promise<void>((resolve) => open.push(resolve));
      },
      BState: () => void calls.push("B"),
    });
    for (const mutation of ["+A", "-A", "+A"]) await followed.push(mutation);
    expect(calls).toHaveLength(2);
    for (let i = 0; i < 50; i++) {
      await followed.push("-A");
      await followed.push("+A,B");
    }
    expect([calls.length, replica.running]).toEqual([2, 2]);
    expect(replica.tick("A")).toBe(103);
    open[0]!();
    await settle();
    expect(calls.slice(2)).toEqual(["A 3>103, 50 times", "B"]);
    expect(replica.running).toBe(2);
  });
});

describe("A handler that blocks the process", () => {
  it("fails if it takes longer than handlerTimeoutMs", async () => {
    const { replica, followed } = setUp({ handlerTimeoutMs: 100 });
    replica.handle({
      AState: () => followed.time.spend(101),
      BState: () => followed.time.spend(100),
    });
    await followed.push("+A,B");
    expect(followed.errors).toEqual([
      'Handler "AState" of "replica" blocked the process for 101 ms',
    ]);
  });
});

describe("HandlerTracer", () => {
  it("receives each start and each end, with its error", async () => {
    const log: string[] = [];
    const { replica, followed } = setUp({
      handlerDeadlineMs: 10,
      tracer: {
        handlerStart: ({ name }, id) => void log.push(`${id} ${name}`),
        handlerEnd: ({ name }, id, error) => void log.push(`${id} ${name} end ${error?.message}`),
      },
    });
    replica.handle(
      { AState() {}, AEnd: () => fail("made up"), BState: forever, CState: async () => {} },
      { id: "mine" },
    );
    await followed.push("+A");
    await followed.push("-A");
    expect(log.splice(0)).toEqual([
      "mine AState",
      "mine AState end undefined",
      "mine AEnd",
      "mine AEnd end made up",
    ]);
    await followed.push("+B,C");
    expect(log.splice(0)).toEqual(["mine BState", "mine CState", "mine CState end undefined"]);
    await followed.time.advance(10);
    expect(log).toEqual([
      'mine BState end Handler "BState" of "replica" did not finish within 10 ms',
    ]);
  });

  it("does not affect handlers when it throws", async () => {
    const { replica, followed } = setUp({
      tracer: { handlerStart: () => fail("start"), handlerEnd: () => fail("end") },
    });
    let calls = 0;
    replica.handle({ AState: () => void calls++ });
    await followed.push("+A");
    expect(calls).toBe(1);
    expect(followed.errors).toEqual(["start", "end"]);
  });
});

describe("close()", () => {
  it("calls no more handlers and listeners, aborts signals, and waits for running handlers", async () => {
    const { replica, followed } = setUp();
    const calls: string[] = [];
    const heard: number[] = [];
    replica.onClockChange(() => heard.push(replica.seq));
    const { promise, resolve } = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    replica.handle({
      async AState({ signal }) {
        signals.push(signal);
        await promise;
      },
      AnyState({ name, signal }) {
        calls.push(name);
        signals.push(signal);
      },
      BState: () => void calls.push("B"),
    });
    await followed.push("+A");
    followed.run("+B");
    followed.diff();
    let isClosed = false;
    const closed = replica.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(isClosed).toBe(false);
    resolve();
    await closed;
    await followed.push("-A");
    expect(calls).toEqual(["AnyState"]);
    expect(heard).toEqual([1, 2]);
    expect(followed.time.pending).toBe(0);
  });

  it("does not wait beyond the deadline", async () => {
    const { replica, followed } = setUp({ handlerDeadlineMs: 100 });
    replica.handle({ AState: forever });
    await followed.push("+A");
    const closed = replica.close();
    await followed.time.advance(100);
    await closed;
    expect(followed.errors).toHaveLength(1);
  });
});
