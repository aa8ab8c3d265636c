import { describe, expect, it, vi } from "vitest";
import { statesource } from "../../../gen/statesource.js";
import { VirtualTime } from "../../testing/virtual_time.ts";
import { ReplicationError } from "../clock/errors.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import { decodeClockMessage } from "../wire/message_codec.ts";
import { hashSchema } from "../wire/schema_codec.ts";
import type { Sink } from "./downstream.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";

const EPOCH = "00000000000000aa";
const NAMES = ["A", "B", "C"];
const SCHEMA = { A: {}, B: {}, C: {} };

/** Accepts everything; while `isSlow`, nothing more after one message. */
class TestSink implements Sink {
  readonly envelopes: Uint8Array[] = [];
  isSlow = false;
  ended = "";

  write(envelope: Uint8Array<ArrayBuffer>): boolean {
    this.envelopes.push(envelope);
    return !this.isSlow;
  }
  close(): void {
    this.ended = "closed";
  }
  abort(): void {
    this.ended = "aborted";
  }
  /** The message at an index; from the end if negative. */
  at(index: number) {
    return decodeClockMessage(this.envelopes.at(index)!.subarray(5));
  }
  get last() {
    return this.at(-1);
  }
}

function setUp(options: Partial<PublisherOptions> = {}) {
  const time = new VirtualTime();
  const clock = new VersionedClock();
  clock.reset({ epoch: EPOCH, seq: 0, schema: SCHEMA, names: NAMES, ticks: [0, 0, 0] });
  const publisher = new Publisher(clock, { name: "root", machineId: "m", time, ...options });
  const flip = async (...indexes: number[]) => {
    change(indexes);
    await time.advance(1);
  };
  const change = (indexes: number[], traceContexts?: readonly Uint8Array[]) =>
    clock.advance(
      clock.seq + 1,
      Uint32Array.from(indexes),
      indexes.map((index) => clock.ticks[index]! + 1),
      0,
      traceContexts,
    );
  const subscribe = (sink: TestSink, seq = 0) =>
    publisher.subscribe(
      { name: "leaf", epoch: EPOCH, seq, schemaHash: hashSchema(SCHEMA, NAMES) },
      sink,
    );
  return { time, clock, publisher, change, flip, subscribe };
}

/** From now on, deferred work waits in the returned list for the test to run it. */
function holdTurns(time: VirtualTime): (() => void)[] {
  const turns: (() => void)[] = [];
  time.defer = (run) => {
    turns.push(run);
    return () => {};
  };
  return turns;
}

describe("Publisher", () => {
  it("encodes a message once for all downstreams at the same cursor", async () => {
    const { flip, subscribe, time } = setUp();
    const sinks = [new TestSink(), new TestSink(), new TestSink()];
    for (const sink of sinks) subscribe(sink);
    await flip(0, 2);
    const [first] = sinks.map((sink) => sink.envelopes.at(-1));
    expect(sinks.every((sink) => sink.envelopes.at(-1) === first)).toBe(true);
    expect(sinks[0]!.last).toMatchObject({ seq: 1, indexes: Uint32Array.of(0, 2) });
    await time.advance(250);
    const [beat] = sinks.map((sink) => sink.envelopes.at(-1));
    expect(beat).not.toBe(first);
    expect(sinks.every((sink) => sink.envelopes.at(-1) === beat)).toBe(true);
    expect(sinks[0]!.last).toMatchObject({ seq: 1, indexes: new Uint32Array(0) });
  });

  it("ends its streams with the reason when its clock ends, and accepts no more", () => {
    const { clock, publisher, subscribe } = setUp();
    const sink = new TestSink();
    subscribe(sink);
    clock.end(new ReplicationError("unavailable", "It is over"));
    expect(sink.ended).toBe("closed");
    expect(new TextDecoder().decode(sink.envelopes.at(-1)!.subarray(5))).toBe(
      '{"error":{"code":"unavailable","message":"It is over"}}',
    );
    const message = expect.objectContaining({ code: "unavailable", message: "It is over" });
    expect(() => subscribe(new TestSink())).toThrow(message);
    const late = new Publisher(clock, { name: "late", machineId: "m" });
    expect(() =>
      late.subscribe({ name: "leaf", epoch: "", seq: 0, schemaHash: "" }, new TestSink()),
    ).toThrow(message);
    publisher.close();
  });

  it("encodes a snapshot once for all that have the same and begin together", async () => {
    const { flip, publisher, time } = setUp();
    const nothing = { name: "leaf", epoch: "", seq: 0, schemaHash: "" };
    const join = (request: object = {}) => {
      const sink = new TestSink();
      publisher.subscribe({ ...nothing, ...request }, sink);
      return sink.envelopes[0];
    };
    const first = join();
    expect(join()).toBe(first);
    expect(join({ schemaHash: hashSchema(SCHEMA, NAMES) })).not.toBe(first);
    await time.advance(1_000);
    const later = join();
    expect(later).not.toBe(first);
    await flip(1);
    expect(join()).not.toBe(later);
  });

  it("encodes a schema once in an epoch, whenever downstreams join", async () => {
    const { clock, flip, publisher } = setUp();
    const encode = vi.spyOn(statesource.v1.Schema, "encode");
    try {
      const join = async () => {
        const sink = new TestSink();
        publisher.subscribe({ name: "leaf", epoch: "", seq: 0, schemaHash: "" }, sink);
        await flip(0);
        return sink;
      };
      const first = (await join()).at(0);
      const second = (await join()).at(0);
      expect(second.start!.schema).toEqual({ schema: SCHEMA, names: NAMES });
      expect([first.start!.ticks, second.start!.ticks]).toEqual([
        [0, 0, 0],
        [1, 0, 0],
      ]);
      expect(encode).toHaveBeenCalledTimes(1);
      clock.reset({ epoch: "bb".repeat(8), seq: 0, schema: { D: {} }, names: ["D"], ticks: [0] });
      const third = (await join()).at(0);
      expect(third.start!.schema!.names).toEqual(["D"]);
      expect(encode).toHaveBeenCalledTimes(2);
    } finally {
      encode.mockRestore();
    }
  });

  it("never sends an old age to a downstream that can be written to again", async () => {
    let ageMs = 0;
    const { flip, subscribe, time } = setUp({ ageMs: () => ageMs });
    const [fast, slow] = [new TestSink(), new TestSink()];
    subscribe(fast);
    slow.isSlow = true;
    const stalled = subscribe(slow);
    await flip(0);
    expect(fast.last.ageMs).toBe(0);
    ageMs = 8_000.2;
    slow.isSlow = false;
    stalled.drained();
    await time.advance(1);
    expect(slow.last).toMatchObject({ seq: 1, ageMs: 8_001 });
  });

  it("sends the largest age while it has no proof", async () => {
    const { subscribe } = setUp({ ageMs: () => Number.POSITIVE_INFINITY });
    const sink = new TestSink();
    subscribe(sink);
    expect(sink.last.ageMs).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("pushes one merged diff to a downstream that fell behind, and does not delay the others", async () => {
    const { flip, subscribe } = setUp();
    const [fast, slow] = [new TestSink(), new TestSink()];
    subscribe(fast);
    slow.isSlow = true;
    const stalled = subscribe(slow);
    await flip(0);
    await flip(1);
    await flip(0);
    expect(fast.envelopes).toHaveLength(4);
    expect(slow.envelopes).toHaveLength(1);
    expect(stalled).toMatchObject({ seq: 0, lagSeq: 3, isStalled: true });
    stalled.drained();
    await flip(1);
    expect(slow.envelopes).toHaveLength(2);
    expect(slow.last).toMatchObject({
      seq: 4,
      indexes: Uint32Array.of(0, 1),
      ticks: Float64Array.of(2, 2),
    });
  });

  it("cuts off a downstream that stays stalled, without an error message, and keeps the others", async () => {
    const closed: string[] = [];
    const { publisher, subscribe, time } = setUp({
      stallTimeoutMs: 3_000,
      tracer: { downstreamClosed: (_, error) => closed.push(error!.code) },
    });
    const [fast, slow] = [new TestSink(), new TestSink()];
    subscribe(fast);
    slow.isSlow = true;
    subscribe(slow);
    await time.advance(2_900);
    expect(slow.ended).toBe("");
    await time.advance(400);
    expect(slow).toMatchObject({ ended: "aborted", envelopes: { length: 1 } });
    expect(fast.ended).toBe("");
    expect(publisher.downstreams.size).toBe(1);
    expect(closed).toEqual(["resource_exhausted"]);
  });

  it("sends only heartbeats until it has caught up with a subscriber", async () => {
    const { flip, subscribe, time } = setUp();
    const sink = new TestSink();
    subscribe(sink, 2);
    await time.advance(500);
    await flip(0);
    expect(sink.envelopes.length).toBeGreaterThan(0);
    expect(sink.last.start).toBeUndefined();
    await flip(1);
    expect(sink.last).toMatchObject({ seq: 2, start: { epoch: EPOCH, ticks: undefined } });
  });

  it("starts over in the same stream with a new epoch, and sends the schema only if it changed", async () => {
    const { clock, subscribe, time } = setUp();
    const sink = new TestSink();
    subscribe(sink);
    clock.reset({ epoch: "bb".repeat(8), seq: 5, schema: SCHEMA, names: NAMES, ticks: [1, 0, 0] });
    await time.advance(1);
    expect(sink.last).toMatchObject({ seq: 5, start: { epoch: "bb".repeat(8), ticks: [1, 0, 0] } });
    expect(sink.last.start!.schema).toBeUndefined();
    clock.reset({ epoch: "cc".repeat(8), seq: 0, schema: { D: {} }, names: ["D"], ticks: [0] });
    await time.advance(1);
    expect(sink.last.start).toMatchObject({ epoch: "cc".repeat(8), schema: { names: ["D"] } });
  });

  it("sends a changed path, and continues from the cursor", async () => {
    let path = ["root", "a"];
    const { subscribe, flip, time } = setUp({ name: "b", upstreamPath: () => path });
    const sink = new TestSink();
    subscribe(sink);
    expect(sink.last.start!.path).toEqual(["root", "a", "b"]);
    await flip(0);
    path = ["root"];
    await time.advance(500);
    const start = sink.envelopes
      .map((_, i) => sink.at(i))
      .findLast((message) => message.start !== undefined);
    expect(start).toMatchObject({ seq: 1, start: { path: ["root", "b"], ticks: undefined } });
    expect(sink.envelopes.length).toBeLessThanOrEqual(4);
  });

  it("writes to a few downstreams at a time, and merges what changes meanwhile", async () => {
    const { publisher, clock, time, subscribe, flip } = setUp();
    const turns = holdTurns(time);
    const sinks = Array.from({ length: 100 }, () => new TestSink());
    for (const sink of sinks) subscribe(sink);
    const written = () => sinks.filter((sink) => sink.envelopes.length > 1).length;

    await flip(0);
    expect(written()).toBe(0);
    turns.shift()!();
    const first = written();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(50);
    await flip(1);
    while (turns.length > 0) turns.shift()!();
    expect([...publisher.downstreams].every(({ seq }) => seq === clock.seq)).toBe(true);
    expect(sinks.map((sink) => sink.envelopes.length - 1)).toEqual([
      ...Array(first).fill(2),
      ...Array(100 - first).fill(1),
    ]);
    expect([...sinks[99]!.last.indexes]).toEqual([0, 1]);
  });

  it("rests after a long round, so that other work gets the processor", async () => {
    const { clock, time, subscribe, flip } = setUp();
    const turns = holdTurns(time);
    const sinks = Array.from({ length: 100 }, () => new TestSink());
    for (const sink of sinks) subscribe(sink);
    await flip(0);
    while (turns.length > 0) {
      await time.advance(5);
      turns.shift()!();
      if (clock.seq === 1) await flip(1);
    }
    // Four turns, 15 ms from the first to the last: 7.5 ms of rest.
    expect(sinks[0]!.last.seq).toBe(1);
    await time.advance(7);
    expect(sinks[0]!.last.seq).toBe(1);
    await time.advance(1);
    while (turns.length > 0) turns.shift()!();
    expect(sinks.map((sink) => sink.last.seq)).toEqual(Array(100).fill(2));
  });

  it("pushes the first of many changes at once, and the others merged, four times in a millisecond", async () => {
    const { clock, time, subscribe } = setUp();
    const sink = new TestSink();
    subscribe(sink);
    const flip = () => clock.advance(clock.seq + 1, Uint32Array.of(0), [clock.ticks[0]! + 1]);
    flip();
    await time.advance(0);
    expect(sink.last.seq).toBe(1);
    const { length } = sink.envelopes;
    for (let i = 0; i < 640; i++) {
      flip();
      await time.advance(1 / 64);
    }
    await time.advance(1);
    expect(sink.envelopes.length - length).toBe(40);
    expect(sink.last.seq).toBe(641);
  });

  it("sends heartbeats to a few downstreams at a time", async () => {
    const { time, subscribe } = setUp();
    const sinks = Array.from({ length: 100 }, () => new TestSink());
    for (const sink of sinks) subscribe(sink);
    const turns = holdTurns(time);
    await time.advance(250);
    const beaten = () => sinks.filter((sink) => sink.envelopes.length > 1).length;
    expect(beaten()).toBeLessThan(50);
    while (turns.length > 0) turns.shift()!();
    expect(beaten()).toBe(100);
  });

  it("sends a trace context with the diffs that hold its transition, and no others", async () => {
    const { time, change, flip, subscribe } = setUp();
    const [quick, slow] = [new TestSink(), new TestSink()];
    subscribe(quick);
    slow.isSlow = true;
    const stalled = subscribe(slow);
    const context = new Uint8Array(25).fill(7);
    change([0], [context]);
    await time.advance(1);
    expect(quick.last.traceContexts).toEqual([context]);
    await flip(1);
    expect(quick.last.traceContexts).toEqual([]);
    stalled.drained();
    await flip();
    expect(slow.last).toMatchObject({ seq: 3, traceContexts: [context] });
  });

  it("sends the last 16 trace contexts of the transitions in one diff", async () => {
    const { publisher, change, flip, subscribe } = setUp({ pushIntervalMs: 1_000 });
    const sink = new TestSink();
    subscribe(sink);
    await flip(0);
    const contexts = Array.from({ length: 20 }, (_, i) => new Uint8Array(25).fill(i + 1));
    for (const context of contexts.slice(0, 18)) change([1], [context]);
    change([2], contexts.slice(18));
    publisher.close();
    // The last envelope is the end of the stream.
    expect(sink.at(-2).traceContexts).toEqual(contexts.slice(-16));
  });

  it("sends each downstream the trace contexts that the tracer returns for it, and shares all else", async () => {
    const given = new Uint8Array(25).fill(9);
    const events: unknown[] = [];
    const { time, change, flip, subscribe } = setUp({
      tracer: {
        pushing: (event) => {
          events.push(event);
          return events.length === 1 ? [given] : undefined;
        },
      },
    });
    const sinks = [new TestSink(), new TestSink()] as const;
    for (const sink of sinks) subscribe(sink);
    const context = new Uint8Array(25).fill(7);
    change([0], [context]);
    await time.advance(1);
    const event = { downstream: "leaf", seqBefore: 0, seq: 1, traceContexts: [context] };
    expect(events).toEqual([event, event]);
    expect(sinks.map(({ last }) => last.traceContexts)).toEqual([[given], [context]]);
    await flip(1);
    expect(events).toHaveLength(2);
    expect(sinks[0].envelopes.at(-1)).toBe(sinks[1].envelopes.at(-1));
  });

  it("announces that it drains, still pushes to those that stay, and accepts no new ones", async () => {
    const { publisher, flip, subscribe, time } = setUp();
    const [leaver, stayer] = [new TestSink(), new TestSink()];
    const leaving = subscribe(leaver);
    subscribe(stayer);
    let isDrained = false;
    void publisher.drain().then(() => {
      isDrained = true;
    });
    await time.advance(1);
    expect(leaver.last.isDraining).toBe(true);
    expect(stayer.last).toMatchObject({ isDraining: true, start: undefined });
    expect(() => subscribe(new TestSink())).toThrow(/stopping/);
    await flip(0);
    expect(stayer.last).toMatchObject({ seq: 1, isDraining: true });
    leaving.close();
    await time.advance(1_000);
    expect(isDrained).toBe(false);
    publisher.close();
    await time.advance(1);
    expect(isDrained).toBe(true);
  });

  it("refuses a subscriber with its own name", () => {
    const { publisher } = setUp({ name: "rep-1" });
    const request = { name: "rep-1", epoch: "", seq: 0, schemaHash: "" };
    expect(() => publisher.subscribe(request, new TestSink())).toThrow(
      expect.objectContaining({
        code: "failed_precondition",
        message: expect.stringContaining('"rep-1" is this node\'s own name'),
      }),
    );
    expect(publisher.downstreams.size).toBe(0);
  });

  it("drains at once without downstreams", async () => {
    await expect(setUp().publisher.drain()).resolves.toBeUndefined();
  });

  it("pushes what is still due before it ends", async () => {
    const { publisher, clock, subscribe } = setUp();
    const sink = new TestSink();
    subscribe(sink);
    clock.advance(1, Uint32Array.of(2), [5]);
    publisher.close();
    expect(sink.at(-2)).toMatchObject({ seq: 1 });
    expect(sink.ended).toBe("closed");
  });
});
