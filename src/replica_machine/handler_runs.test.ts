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
  return {
    followed,
    replica,
    /** Mutates the source, has the replica take it, and lets handlers run. */
    async mutate(type: "add" | "remove", states: State | State[]) {
      followed.machine[type](states);
      followed.diff();
      await settle();
    },
  };
}

describe("An error of a handler", () => {
  it("goes to onError with its event, and touches neither other handlers nor the clock", async () => {
    const failed: [message: string, name: string | undefined][] = [];
    const { replica, followed, mutate } = setUp({
      onError: (error, event) => failed.push([error.message, event?.name]),
    });
    const calls: string[] = [];
    replica.handle({
      AState() {
        throw new Error("at once");
      },
      async BState() {
        await Promise.reject(new Error("later"));
      },
      AnyState() {
        throw "no error";
      },
    });
    replica.handle({
      AState: () => void calls.push("A"),
      BState: () => void calls.push("B"),
      AnyState: () => void calls.push("any"),
    });
    await mutate("add", ["A", "B"]);
    expect(calls).toEqual(["A", "B", "any"]);
    expect(failed).toEqual([
      ["at once", "AState"],
      ["no error", "AnyState"],
      ["later", "BState"],
    ]);
    expect(followed.clock.checksum).toBe(followed.source.clock.checksum);
    expect(replica.activeStates()).toEqual(["A", "B"]);
    await mutate("remove", "A");
    expect(failed.slice(3)).toEqual([["no error", "AnyState"]]);
    expect(calls.slice(3)).toEqual(["any"]);
  });

  it("of a listener goes there as well, without an event", async () => {
    const failed: unknown[] = [];
    const { replica, mutate } = setUp({
      onError: (error, event) => failed.push(error.message, event),
    });
    replica.onClockChange(() => {
      throw new Error("made up");
    });
    await mutate("add", "A");
    expect(failed).toEqual(["made up", undefined]);
  });
});

describe("A handler that goes on", () => {
  it("holds up neither the clock nor others, nor itself at the next flip", async () => {
    const { replica, mutate } = setUp();
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
    await mutate("add", "A");
    await mutate("add", "B");
    await mutate("remove", "A");
    await mutate("add", "A");
    expect(replica.running).toBe(2);
    resolve();
    await settle();
    expect(calls).toEqual(["A 1", "B", "A 3", "A 1 done", "A 3 done"]);
    expect(replica.running).toBe(0);
  });

  it("is told by its signal when the state moves on, and may stop then", async () => {
    const { replica, followed, mutate } = setUp();
    const signals: AbortSignal[] = [];
    replica.handle({
      async AState({ signal }) {
        signals.push(signal);
        const { promise, reject } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => reject(signal.reason));
        await promise;
      },
    });
    await mutate("add", "A");
    await mutate("add", "B");
    expect(signals[0]!.aborted).toBe(false);
    await mutate("remove", "A");
    expect(signals[0]!.aborted).toBe(true);
    expect(replica.running).toBe(0);
    expect(followed.errors).toEqual([]);
  });

  it("has a signal that has aborted if it asks after the state has moved on", async () => {
    const { replica, mutate } = setUp();
    const events: ReplicaEvent<State, "A">[] = [];
    replica.handle({ AState: (event) => void events.push(event), AEnd() {} });
    await mutate("add", "A");
    await mutate("remove", "A");
    await mutate("add", "A");
    expect(events.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  it("has a signal that has aborted if it asks in another epoch, in which ticks mean nothing to it", async () => {
    const { replica, followed, mutate } = setUp();
    const events: ReplicaEvent<State, "A">[] = [];
    replica.handle({ AState: (event) => void events.push(event) });
    await mutate("add", "A");
    followed.restart();
    followed.machine.add("A");
    followed.snapshot();
    expect(replica.tick("A")).toBe(1);
    expect(events.map(({ signal }) => signal.aborted)).toEqual([true]);
  });

  it("still fails if it fails for another reason than its signal", async () => {
    const { replica, followed, mutate } = setUp();
    const { promise, reject } = Promise.withResolvers<void>();
    replica.handle({ AState: () => promise });
    await mutate("add", "A");
    await mutate("remove", "A");
    reject(new Error("refused"));
    await settle();
    expect(followed.errors).toEqual(["refused"]);
  });

  it("is given up at its deadline: its signal aborts, and what comes of it later is no news", async () => {
    const { replica, followed, mutate } = setUp({ handlerDeadlineMs: 500 });
    const { promise, reject } = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    replica.handle({
      AState(event) {
        signal = event.signal;
        return promise;
      },
    });
    await mutate("add", "A");
    await followed.time.advance(499);
    expect([signal!.aborted, replica.running]).toEqual([false, 1]);
    await followed.time.advance(1);
    expect([signal!.aborted, replica.running]).toEqual([true, 0]);
    reject(new Error("too late"));
    await settle();
    expect(followed.errors).toEqual(['Handler "AState" of "replica" is not done after 500 ms']);
    expect(followed.time.pending).toBe(0);
  });

  it("is an error if it holds everything up for too long", async () => {
    const { replica, followed, mutate } = setUp({ handlerTimeoutMs: 100 });
    let nowMs = 0;
    followed.time.monotonic = () => nowMs;
    replica.handle({
      AState() {
        nowMs += 101;
      },
      BState() {
        nowMs += 100;
      },
    });
    await mutate("add", ["A", "B"]);
    expect(followed.errors).toEqual([
      'Handler "AState" of "replica" held everything up for 101 ms',
    ]);
  });

  it("makes further changes wait once too many are under way; they become one, and none is lost", async () => {
    const { replica, mutate } = setUp({ maxRunning: 2 });
    const open: (() => void)[] = [];
    const calls: string[] = [];
    replica.handle({
      AState({ flip }) {
        calls.push(`A ${flip.tickBefore}>${flip.tick}, ${flip.activations} times`);
        return new Promise<void>((resolve) => open.push(resolve));
      },
      BState: () => void calls.push("B"),
    });
    await mutate("add", "A");
    await mutate("remove", "A");
    await mutate("add", "A");
    expect(calls).toHaveLength(2);
    for (let i = 0; i < 50; i++) {
      await mutate("remove", "A");
      await mutate("add", ["A", "B"]);
    }
    expect([calls.length, replica.running]).toEqual([2, 2]);
    expect(replica.tick("A")).toBe(103);
    open[0]!();
    await settle();
    expect(calls.slice(2)).toEqual(["A 3>103, 50 times", "B"]);
    expect(replica.running).toBe(2);
  });
});

describe("HandlerTracer", () => {
  it("is told of each start and of each end, with its error", async () => {
    const log: string[] = [];
    const { replica, followed, mutate } = setUp({
      handlerDeadlineMs: 10,
      tracer: {
        handlerStart: ({ name }, id) => void log.push(`${id} ${name}`),
        handlerEnd: ({ name }, id, error) => void log.push(`${id} ${name} end ${error?.message}`),
      },
    });
    replica.handle(
      {
        AState() {},
        AEnd() {
          throw new Error("made up");
        },
        BState: () => new Promise(() => {}),
        CState: async () => {},
      },
      { id: "mine" },
    );
    await mutate("add", "A");
    await mutate("remove", "A");
    expect(log.splice(0)).toEqual([
      "mine AState",
      "mine AState end undefined",
      "mine AEnd",
      "mine AEnd end made up",
    ]);
    await mutate("add", ["B", "C"]);
    expect(log.splice(0)).toEqual(["mine BState", "mine CState", "mine CState end undefined"]);
    await followed.time.advance(10);
    expect(log).toEqual(['mine BState end Handler "BState" of "replica" is not done after 10 ms']);
  });

  it("stops nothing when it throws", async () => {
    const { replica, followed, mutate } = setUp({
      tracer: {
        handlerStart() {
          throw new Error("start");
        },
        handlerEnd() {
          throw new Error("end");
        },
      },
    });
    let calls = 0;
    replica.handle({ AState: () => void calls++ });
    await mutate("add", "A");
    expect(calls).toBe(1);
    expect(followed.errors).toEqual(["start", "end"]);
  });
});

describe("close()", () => {
  it("tells handlers and listeners no more, aborts signals, and waits for those under way", async () => {
    const { replica, followed, mutate } = setUp();
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
    await mutate("add", "A");
    followed.machine.add("B");
    followed.diff();
    let isClosed = false;
    const closed = replica.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect([calls, isClosed]).toEqual([["AnyState"], false]);
    resolve();
    await closed;
    await mutate("remove", "A");
    expect(calls).toEqual(["AnyState"]);
    expect(heard).toEqual([1, 2]);
    expect(followed.time.pending).toBe(0);
  });

  it("does not wait beyond the deadline", async () => {
    const { replica, followed, mutate } = setUp({ handlerDeadlineMs: 100 });
    replica.handle({ AState: () => new Promise(() => {}) });
    await mutate("add", "A");
    const closed = replica.close();
    await followed.time.advance(100);
    await closed;
    expect(followed.errors).toHaveLength(1);
  });
});
