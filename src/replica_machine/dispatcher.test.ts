import { describe, expect, it } from "vitest";
import { MachineError } from "../machine/mod.ts";
import { FollowedClock } from "../testing/followed_clock.ts";
import { settle } from "../testing/virtual_time.ts";
import type { ReplicaEvent } from "./event.ts";
import type { ReplicaMachine } from "./replica_machine.ts";

const SCHEMA = {
  A: {},
  B: { require: ["C"] },
  C: {},
  M: { multi: true },
} as const;

function setUp() {
  const followed = new FollowedClock<keyof typeof SCHEMA>(SCHEMA);
  return { followed, replica: followed.replica() };
}

/** The same, with a first clock after these mutations. */
function setUpSynced(mutations?: string) {
  const both = setUp();
  if (mutations !== undefined) both.followed.run(mutations);
  both.followed.snapshot();
  return both;
}

/** Records all calls of handlers of A, B, C, M: `AState 0>1`, with `late` if the activation has ended. */
function listen(
  replica: ReplicaMachine<keyof typeof SCHEMA>,
  options: { includeActive?: boolean } = {},
): string[] {
  const calls: string[] = [];
  const note = ({ name, flip, change }: ReplicaEvent) => {
    const late = name.endsWith("State") && flip?.isActive === false ? " late" : "";
    const what = flip === undefined ? change.type : `${flip.tickBefore}>${flip.tick}${late}`;
    calls.push(`${name} ${what}`);
  };
  const names = ["A", "B", "C", "M"].flatMap((state) => [`${state}State`, `${state}End`]);
  replica.bind(Object.fromEntries([...names, "AnyState"].map((name) => [name, note])), options);
  return calls;
}

describe("Handlers on a replica", () => {
  it("run once per flip: End of states that left, State of those that entered, then AnyState", async () => {
    const { followed, replica } = setUpSynced("+A");
    const calls = listen(replica);
    await followed.push("-A +C +B");
    // C before B, which requires it.
    expect(calls).toEqual(["AEnd 1>2", "CState 0>1", "BState 0>1", "AnyState diff"]);
    followed.diff();
    await settle();
    expect(calls).toHaveLength(4);
  });

  it("receive the state, its flip and the change, and read the clock after it", async () => {
    const { followed, replica } = setUpSynced();
    const seen: unknown[] = [];
    replica.handle({
      AState({ name, machine, state, flip, change: { flips, ...change } }) {
        seen.push(
          [name, state, machine.is("A")],
          flip,
          change,
          flips.map((each) => each.state),
        );
      },
    });
    await followed.push("+A,C +M", [Uint8Array.of(0)]);
    expect(seen).toEqual([
      ["AState", "A", true],
      { state: "A", tickBefore: 0, tick: 1, wasActive: false, isActive: true, activations: 1 },
      {
        type: "diff",
        epoch: followed.clock.epoch,
        seqBefore: 0,
        seq: 2,
        changedAtMs: followed.time.now(),
        traceContexts: [Uint8Array.of(0)],
      },
      ["A", "C", "M"],
    ]);
  });

  it.each<[what: string, before: string, merged: string, calls: string[], activations: number]>([
    ["left and entered again", "+A", "-A +A", ["AEnd 1>3", "AState 1>3"], 1],
    ["left and entered twice", "+A", "-A +A -A +A", ["AEnd 1>5", "AState 1>5"], 2],
    ["entered and left again", "+C", "+A -A", ["AState 0>2 late", "AEnd 0>2"], 1],
    ["left, entered and left", "+A", "-A +A -A", ["AEnd 1>4", "AState 1>4 late", "AEnd 1>4"], 1],
    ["a multi state, added again", "+M", "+M +M", ["MState 1>5"], 2],
    ["a multi state, added again, that left", "+M", "+M -M", ["MState 1>4 late", "MEnd 1>4"], 1],
    ["a multi state that left", "+M", "-M", ["MEnd 1>2"], 0],
  ])(
    "receive an activation that a merged diff skipped: %s",
    async (_, before, merged, expected, activations) => {
      const { followed, replica } = setUpSynced(before);
      const calls = listen(replica);
      let received = 0;
      replica.handle({
        AnyState({ change }) {
          received += change.flips[0]!.activations;
        },
      });
      await followed.push(merged);
      expect(calls).toEqual([...expected, "AnyState diff"]);
      expect(received).toBe(activations);
    },
  );

  it("receive only what a snapshot of the same epoch changed", async () => {
    const { followed, replica } = setUpSynced("+A,C");
    const calls = listen(replica);
    followed.snapshot();
    followed.run("-A +M");
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["AEnd 1>2", "MState 0>1", "AnyState diff"]);
  });

  it("receive in a new epoch the states whose activity differs, whatever their ticks", async () => {
    const { followed, replica } = setUpSynced("+A -A +A +C");
    const calls = listen(replica);
    followed.restart();
    followed.run("+A,M");
    followed.snapshot();
    await settle();
    expect(calls.splice(0)).toEqual(["CEnd 1>0", "MState 0>1", "AnyState epoch"]);
    await followed.push("-A");
    expect(calls).toEqual(["AEnd 1>2", "AnyState diff"]);
  });

  it("receive the end of a state that a new schema lacks, and are reported once if they wait for it", async () => {
    const { followed, replica } = setUpSynced("+A,C");
    const calls = listen(replica);
    followed.restart({ New: {}, C: {}, M: { multi: true }, B: {} });
    followed.run("+C,New");
    followed.snapshot();
    await settle();
    expect(calls.splice(0)).toEqual(["AEnd 1>0", "AnyState epoch"]);
    expect(followed.errors).toEqual([
      expect.stringMatching(/^Cannot call handler "AState": .* state "A"/),
      expect.stringMatching(/^Cannot call handler "AEnd": /),
    ]);
    await followed.push("-C");
    expect(calls.splice(0)).toEqual(["CEnd 1>2", "AnyState diff"]);
    // The same schema again.
    followed.run("+C");
    followed.snapshot({ ...followed.source.clock.schema });
    await settle();
    expect(calls).toEqual(["CState 2>3", "AnyState diff"]);
    expect(followed.errors).toHaveLength(2);
  });

  it("run in the order of the current schema", async () => {
    const { followed, replica } = setUpSynced("+B,C");
    const calls = listen(replica);
    await followed.push("-B,C");
    expect(calls.splice(0)).toEqual(["CEnd 1>2", "BEnd 1>2", "AnyState diff"]);
    followed.restart({ A: {}, B: {}, C: { require: ["B"] }, M: {} });
    followed.run("+B,C");
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["BState 2>1", "CState 2>1", "AnyState epoch"]);
  });

  it("receive states that are already active only with includeActive", async () => {
    const { followed, replica } = setUp();
    const [plain, all] = [listen(replica), listen(replica, { includeActive: true })];
    followed.run("+C +B");
    followed.snapshot();
    await settle();
    expect(plain).toEqual([]);
    expect(all.splice(0)).toEqual(["CState 0>1", "BState 0>1", "AnyState join"]);
    await followed.push("+A");
    expect(plain).toEqual(["AState 0>1", "AnyState diff"]);
    expect(all).toEqual(plain);
    const later = listen(replica, { includeActive: true });
    await settle();
    expect(later).toEqual(["AState 0>1", "CState 0>1", "BState 0>1", "AnyState join"]);
    expect(plain).toHaveLength(2);
  });

  it("do not receive a change that arrived before they were bound", async () => {
    const { followed, replica } = setUpSynced();
    const early = listen(replica);
    followed.run("+A");
    followed.diff();
    const late = listen(replica);
    const all = listen(replica, { includeActive: true });
    await settle();
    expect(early).toEqual(["AState 0>1", "AnyState diff"]);
    expect(all).toEqual(["AState 0>1", "AnyState join"]);
    expect(late).toEqual([]);
    await followed.push("-A");
    expect(late).toEqual(["AEnd 1>2", "AnyState diff"]);
  });

  it("receive a flip between the first clock and the turn after it", async () => {
    const { followed, replica } = setUp();
    const calls = listen(replica);
    followed.run("+C");
    followed.snapshot();
    followed.run("+A -C");
    followed.diff();
    await settle();
    expect(calls).toEqual(["CEnd 1>2", "AState 0>1", "AnyState diff"]);
  });

  it("that are bound while a change is pending receive the flips after it, and not the change", async () => {
    const { followed, replica } = setUpSynced();
    const early = listen(replica);
    followed.run("+A");
    followed.diff();
    const late = listen(replica);
    followed.run("+C");
    followed.diff();
    await settle();
    expect(early).toEqual(["AState 0>1", "CState 0>1", "AnyState diff"]);
    expect(late).toEqual(["CState 0>1", "AnyState diff"]);
    await followed.push("-A");
    expect(late.slice(2)).toEqual(["AEnd 1>2", "AnyState diff"]);
  });

  it("run in a separate turn, after everything that the diff itself triggers", async () => {
    const { followed, replica } = setUpSynced();
    const log: string[] = [];
    replica.handle({ AState: () => void log.push("handler") });
    followed.clock.onChange(() => log.push("passed on"));
    followed.run("+A");
    followed.diff();
    log.push("applied");
    await settle();
    expect(log).toEqual(["passed on", "applied", "handler"]);
  });

  it("run no more once they are removed, even by another handler in the same turn", async () => {
    const { followed, replica } = setUpSynced();
    const calls: string[] = [];
    const remove: (() => void)[] = [];
    replica.handle({
      AState() {
        calls.push("first");
        for (const each of remove) each();
      },
    });
    remove.push(replica.handle({ AState: () => void calls.push("second") }));
    remove.push(replica.handle({ AnyState: () => void calls.push("any") }));
    await followed.push("+A");
    expect(calls).toEqual(["first"]);
  });

  it("take no turn while none is bound", async () => {
    const { followed, replica } = setUp();
    const defer = followed.time.defer.bind(followed.time);
    let turns = 0;
    followed.time.defer = (run) => {
      turns++;
      return defer(run);
    };
    followed.snapshot();
    await followed.push("+A");
    expect(turns).toBe(0);
    listen(replica);
    await followed.push("-A");
    expect(turns).toBe(1);
  });
});

describe("handle()", () => {
  it("refuses handlers that could veto", () => {
    const { replica } = setUp();
    const handler = () => {};
    // @ts-expect-error a replica cannot veto
    expect(() => replica.handle({ AExit: handler })).toThrow(
      'Cannot bind handler "AExit" to "replica": a replica runs only final handlers, FooState, FooEnd and AnyState; handlers that can veto belong to the source',
    );
    // @ts-expect-error nor for any state
    expect(() => replica.handle({ AnyEnter: handler })).toThrow(MachineError);
    // @ts-expect-error nor by a pair in one word
    expect(() => replica.handle({ AC: handler })).toThrow(MachineError);
    const set = { AState: handler, AEnter: handler };
    // @ts-expect-error also in a set that is declared elsewhere
    expect(() => replica.handle(set)).toThrow(MachineError);
  });

  it("refuses a misspelt state, before the first clock and after it", () => {
    const { followed, replica } = setUp();
    const message =
      /^Cannot call handler "AaState": the clock of "replica" does not hold state "Aa"; the nearest are "A"/;
    // @ts-expect-error "Aa" is no state
    expect(() => replica.handle({ AaState() {} })).toThrow(message);
    followed.snapshot();
    expect(() => replica.bind({ AaState() {} })).toThrow(message);
    expect(() =>
      replica.bind({ appAaState() {}, appAState() {} }, { prefix: "app" }),
    ).not.toThrow();
  });

  it("takes a class with helpers and getters, and calls its methods on the instance", async () => {
    const { followed, replica } = setUpSynced();
    class Counter {
      count = 0;
      readonly cache = {};
      get busy(): boolean {
        throw new Error("evaluated");
      }
      AState() {
        this.more();
      }
      more() {
        this.count++;
      }
    }
    const counter = new Counter();
    replica.handle(counter);
    await followed.push("+A");
    expect(counter.count).toBe(1);
  });
});
