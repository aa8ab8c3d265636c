import { describe, expect, it, vi } from "vitest";
import { choose, NAMES, SCHEMA, Subscriber, setUp } from "../../testing/selection_setup.ts";
import { VirtualTime } from "../../testing/virtual_time.ts";
import { parseSelection } from "../clock/selection.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import { decodeClockMessage } from "../wire/message_codec.ts";
import { Publisher } from "./publisher.ts";

describe("A selection", () => {
  it("is its own clock: the selected states in order, at the node's version", async () => {
    const { clock, flip, join } = setUp();
    await flip(["Start", "Flight1OnTime"]);
    const leaf = join("Start,Flight1*");
    expect(leaf.clock.names).toEqual(["Flight1Delayed", "Flight1OnTime", "Start"]);
    expect(leaf.clock.version).toBe(clock.version);
    await flip(["Flight1Delayed", "Flight2OnTime"]);
    expect(leaf.clock.version).toBe(clock.version);
    expect(leaf.clock.activeStates()).toEqual(["Flight1Delayed", "Flight1OnTime", "Start"]);
    expect(leaf.kinds).toEqual(["snapshot applied", "diff applied"]);
    // The second flip is a millisecond later.
    expect(leaf.clock.changedAtMs).toBe(VirtualTime.startMs + 1);
  });

  it("keeps relations that name states outside it", () => {
    const { join } = setUp();
    expect(join("Flight1Delayed,Flight2*").clock.schema).toEqual({
      Flight1Delayed: SCHEMA.Flight1Delayed,
      Flight2Delayed: SCHEMA.Flight2Delayed,
      Flight2OnTime: {},
    });
  });

  it("may match nothing by a prefix until a schema has a state for it", async () => {
    const { begin, join, time } = setUp();
    const leaf = join("Gate*");
    expect(leaf.clock.names).toEqual([]);
    expect(leaf.clock.epoch).not.toBe("");
    begin("b", [...NAMES, "Gate1"], { ...SCHEMA, Gate1: {} });
    await time.advance(1);
    expect(leaf.clock.names).toEqual(["Gate1"]);
  });

  it("receives nothing of a change outside it, which costs only a look at the state", async () => {
    const { clock, publisher, join, time } = setUp();
    const leaves = [join("Flight1*"), join("Flight2*"), join("Start")];
    const { pending } = time;
    const [advance, encode] = [
      vi.spyOn(VersionedClock.prototype, "advance"),
      vi.spyOn(VersionedClock.prototype, "forEachChangedSince"),
    ];
    try {
      const exception = Uint32Array.of(clock.indexOf("Exception"));
      for (let i = 1; i <= 50; i++) clock.advance(i, exception, [i]);
      // Nothing is due, so nothing was scheduled either.
      expect(time.pending).toBe(pending);
      await time.advance(1);
      expect(advance).toHaveBeenCalledTimes(50);
      expect(encode).not.toHaveBeenCalled();
      expect(leaves.map(({ envelopes }) => envelopes.length)).toEqual([1, 1, 1]);
      expect([...publisher.downstreams].map(({ lagSeq }) => lagSeq)).toEqual([0, 0, 0]);

      clock.advance(
        51,
        Uint32Array.of(clock.indexOf("Flight1Delayed"), clock.indexOf("Start")),
        [1, 1],
      );
      await time.advance(1);
      // The node's clock, and one state in each of two views.
      expect(advance).toHaveBeenCalledTimes(51 + 2 + 2);
      expect(leaves.map(({ envelopes }) => envelopes.length)).toEqual([2, 1, 2]);
      expect(leaves.map(({ clock: { seq } }) => seq)).toEqual([51, 0, 51]);
    } finally {
      advance.mockRestore();
      encode.mockRestore();
    }
  });

  it("advances to a seq that changed nothing of it within half a heartbeat interval", async () => {
    const { clock, flip, join, publisher, time } = setUp();
    const leaf = join("Flight1*");
    // The leaf receives pushes so often that it is never quiet for long enough to get a heartbeat.
    await time.advance(200);
    await flip("Flight1OnTime");
    await flip("Start");
    expect(leaf.clock.seq).toBe(1);
    await time.advance(50);
    expect(leaf.clock.version).toBe(clock.version);
    expect(leaf.kinds.at(-1)).toBe("heartbeat applied");
    expect([...publisher.downstreams][0]).toMatchObject({ seq: 2, pushes: 2 });
  });

  it("reports to the tracer which changes a push is about", async () => {
    const pushed: unknown[] = [];
    const { clock, flip, join, time } = setUp({
      pushIntervalMs: 10,
      tracer: {
        pushed: ({ kind, seqBefore, seq, firstSeq, changes }) =>
          pushed.push([kind, seqBefore, seq, firstSeq, changes]),
      },
    });
    join("Flight1*");
    join();
    await flip("Flight1Delayed");
    pushed.length = 0;
    for (const name of ["Start", "Flight1Delayed", "Exception"]) await flip(name);
    await flip(["Flight1Delayed", "Flight1OnTime"]);
    await flip("Start");
    expect(pushed).toEqual([]);
    await time.advance(10);
    expect(pushed).toEqual([
      ["diff", 1, 6, 3, 2],
      ["diff", 1, 6, 2, 5],
    ]);
    expect(clock.seq).toBe(6);
  });

  it("is encoded once for all downstreams that share it at one cursor", async () => {
    const { flip, join } = setUp();
    const leaves = [
      join("Flight1*,Start"),
      join("Start,Flight1*"),
      join("Flight1*,Flight10*,Start"),
    ];
    await flip("Start");
    const [first] = leaves.map(({ envelopes }) => envelopes.at(-1));
    expect(leaves.map(({ envelopes }) => envelopes.at(-1) === first)).toEqual([true, true, true]);
    expect(leaves[0]!.kinds.at(-1)).toBe("diff applied");
  });

  it("begins with one snapshot for all that have the same, each sealed for the requested selection", () => {
    const { join } = setUp({ selection: parseSelection("Exception,Flight*,Start") });
    const leaves = [join("Flight1*"), join("Flight1*"), join("Flight*"), join("Flight*")];
    const whole = [join("Exception,Flight*,Start"), join("Exception,Flight*,Start")];
    const starts = [...leaves, ...whole].map(({ envelopes }) => envelopes[0]);
    expect(new Set(starts).size).toBe(3);
    expect(whole[0]!.kinds).toEqual(["snapshot applied"]);
  });

  it("resumes with what has changed in it since, also on a node that did not serve it before", async () => {
    const { clock, flip, join, publisher, time } = setUp();
    const leaf = join("Flight*");
    await flip("Flight1Delayed");
    leaf.leave();
    await flip("Start");
    await flip("Flight2OnTime");
    leaf.subscribe(publisher);
    const message = decodeClockMessage(leaf.envelopes.at(-1)!.subarray(5));
    expect(message).toMatchObject({
      seq: 3,
      indexes: Uint32Array.of(3),
      ticks: Float64Array.of(1),
    });
    expect(message.start).toMatchObject({ schema: undefined, ticks: undefined });
    leaf.leave();
    const relay = new VersionedClock();
    const { epoch, seq, schema, names, ticks } = clock;
    relay.reset({ epoch, seq, schema, names, ticks });
    leaf.subscribe(new Publisher(relay, { name: "relay", machineId: "m", time }));
    expect(decodeClockMessage(leaf.envelopes.at(-1)!.subarray(5)).indexes).toHaveLength(0);
    expect(leaf.kinds.at(-1)).toBe("heartbeat proven");
  });

  it("joins from the beginning if it differs, also at the same version", () => {
    const { clock, join, publisher } = setUp();
    const leaf = join("Flight1*");
    leaf.leave();
    const other = new Subscriber(parseSelection("Flight2*"));
    const { epoch, seq, schema, names, ticks } = leaf.clock;
    other.clock.reset({ epoch, seq, schema, names, ticks });
    other.subscribe(publisher);
    expect(other.kinds).toEqual(["snapshot applied"]);
    expect(other.clock.names).toEqual(["Flight2Delayed", "Flight2OnTime"]);
    expect(other.clock.version).toBe(clock.version);
  });

  it("waits for a node that is behind, and begins once that has caught up, whichever states change", async () => {
    const { flip, join, publisher } = setUp();
    const leaf = join("Flight1*");
    leaf.leave();
    leaf.clock.advance(2, new Uint32Array(0), []);
    leaf.subscribe(publisher);
    await flip("Start");
    expect(leaf.clock.seq).toBe(2);
    expect(leaf.kinds).toEqual(["snapshot applied"]);
    await flip("Start");
    expect(leaf.kinds).toEqual(["snapshot applied", "heartbeat proven"]);
  });

  it("continues with merged diffs for a slow downstream", async () => {
    const { clock, flip, join } = setUp();
    const leaf = join("Flight1*");
    leaf.isSlow = true;
    await flip("Flight1Delayed");
    await flip("Flight1OnTime");
    await flip("Flight1Delayed");
    await flip("Start");
    expect(leaf.clock.seq).toBe(1);
    expect(leaf.downstream).toMatchObject({ isStalled: true, lagSeq: 3 });
    leaf.downstream!.drained();
    await flip("Exception");
    expect(leaf.clock.version).toBe(clock.version);
    expect(choose(leaf.clock, undefined)).toEqual(choose(clock, leaf.selection));
  });

  it("receives a trace context with the diffs that hold its transition, and no others", async () => {
    const { flip, join } = setUp();
    const leaf = join("Flight1*");
    const contexts = [1, 2].map((byte) => new Uint8Array(25).fill(byte));
    await flip(["Start"], [contexts[0]!]);
    await flip("Flight1Delayed");
    const contextsOf = ({ envelopes }: Subscriber) =>
      decodeClockMessage(envelopes.at(-1)!.subarray(5)).traceContexts;
    expect(contextsOf(leaf)).toEqual([]);
    await flip(["Flight1Delayed", "Start"], [contexts[1]!]);
    expect(contextsOf(leaf)).toEqual([contexts[1]]);
  });

  it("of unknown names is refused with the nearest known ones", () => {
    const { join, publisher } = setUp();
    expect(() => join("Flight1Delayd,Start")).toThrow(
      /Cannot select "Flight1Delayd" \(the nearest known: Flight1Delayed, .*not in the schema of epoch/,
    );
    expect(() => join("Nope1,Nope2,Nope3,Nope4,Nope5")).toThrow(/ and 2 more: not in the schema/);
    expect(publisher.downstreams.size).toBe(0);
  });

  it("ends with an error if a new schema lacks its names, and no other does", async () => {
    const { begin, join, publisher, time } = setUp();
    const leaves = [join("Start,Exception"), join("Flight*"), join()];
    begin("b", ["Exception", "Flight1Delayed", "Begin"], { ...SCHEMA, Begin: {} });
    await time.advance(1);
    expect(leaves[0]!.error).toMatch(/Cannot select "Start" \(the nearest known: Begin, /);
    expect(leaves.map(({ clock }) => clock.names)).toEqual([
      ["Exception", "Start"],
      ["Flight1Delayed"],
      ["Exception", "Flight1Delayed", "Begin"],
    ]);
    expect(publisher.downstreams.size).toBe(2);
    begin("c");
    leaves[0]!.subscribe(publisher);
    expect(leaves[0]!.clock.epoch).toBe("000000000000000c");
  });

  it("is checked when the node gets its first clock, if that arrives later", async () => {
    const { begin, join, time, clock } = setUp();
    clock.reset({ epoch: "", seq: 0, schema: {}, names: [], ticks: [] });
    const leaves = [join("Nope"), join("Flight1*")];
    await time.advance(300);
    expect(leaves.map(({ error }) => error)).toEqual(["", ""]);
    begin("b");
    await time.advance(1);
    expect(leaves[0]!.error).toMatch(/Cannot select "Nope"/);
    expect(leaves[1]!.clock.names).toEqual(["Flight1Delayed", "Flight1OnTime"]);
  });

  it("is served by a node with a selection if it is a part of that, and refused if it is more", async () => {
    const { begin, clock, flip, join } = setUp({ selection: parseSelection("Flight1*,Start") });
    begin("b", ["Flight1Delayed", "Flight1OnTime", "Start"]);
    for (const [states, requested] of [
      [undefined, "every state"],
      ["Flight*", '"Flight*"'],
      ["Exception,Flight1*", '"Exception,Flight1*"'],
      ["Flight2Delayed", '"Flight2Delayed"'],
    ]) {
      const message = `Cannot serve ${requested}: this node holds only "Start,Flight1*"`;
      expect(() => join(states)).toThrow(
        expect.objectContaining({ code: "failed_precondition", message }),
      );
    }
    const [part, same] = [join("Flight1Delayed"), join("Start,Flight1*")];
    await flip("Start");
    expect(part.downstream!.pushes).toBe(1);
    // On such a node the seq advances without a change; its downstreams follow at once.
    clock.advance(5, new Uint32Array(0), []);
    await flip([]);
    expect([part.clock.seq, same.clock.seq]).toEqual([6, 6]);
    expect(part.kinds.slice(1)).toEqual(["heartbeat applied"]);
    expect(part.downstream!.pushes).toBe(1);
    expect(same.clock.names).toEqual(clock.names);
  });

  it("is corrected by a snapshot, also at the same version", async () => {
    const { clock, join, time } = setUp();
    const { epoch, seq, schema, names } = clock;
    clock.advance(0, Uint32Array.of(1), [7]);
    const early = join("Flight1*");
    // It keeps the shared messages alive, and receives no more after this heartbeat.
    early.isSlow = true;
    early.downstream!.drained();
    await time.advance(250);
    expect(early.kinds).toEqual(["snapshot applied", "heartbeat proven"]);
    clock.reset({ epoch, seq, schema, names, ticks: [0, 2, 2, 0, 0, 0] });
    const late = join("Flight1*");
    await time.advance(250);
    expect(choose(late.clock, undefined)).toEqual([
      ["Flight1Delayed", 2],
      ["Flight1OnTime", 2],
    ]);
    expect(late.kinds).toEqual(["snapshot applied", "heartbeat proven"]);
  });

  it("counts towards the limit of selections while a downstream has it", () => {
    const { join } = setUp({ maxSelections: 2 });
    const [one, same, two] = [join("Start"), join("Start"), join("Flight1*")];
    expect(() => join("Flight2*")).toThrow(
      expect.objectContaining({
        code: "resource_exhausted",
        message: expect.stringMatching(/2 selections/),
      }),
    );
    join();
    two!.leave();
    one!.leave();
    expect(join("Flight2*").clock.names).toEqual(["Flight2Delayed", "Flight2OnTime"]);
    expect(() => join("Exception")).toThrow(/2 selections/);
    same!.leave();
    expect(join("Exception").clock.names).toEqual(["Exception"]);
  });

  it("is removed from the views when its last downstream has left", async () => {
    const { clock, flip, join } = setUp();
    const leaf = join("Flight1*");
    const advance = vi.spyOn(VersionedClock.prototype, "advance");
    try {
      leaf.leave();
      await flip("Flight1Delayed");
      expect(advance).toHaveBeenCalledTimes(1);
      expect(clock.seq).toBe(1);
    } finally {
      advance.mockRestore();
    }
  });
});
