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

function setUp(options: Parameters<FollowedClock<keyof typeof SCHEMA>["replica"]>[0] = {}) {
  const followed = new FollowedClock<keyof typeof SCHEMA>(SCHEMA);
  return { followed, replica: followed.replica(options) };
}

/** Writes down all calls of handlers of A, B, C, M: `AState 0>1`, with `late` if the activation is over. */
function listen(
  replica: ReplicaMachine<keyof typeof SCHEMA>,
  options: { includeActive?: boolean } = {},
): string[] {
  const calls: string[] = [];
  const note = ({ name, flip }: ReplicaEvent) => {
    const late = name.endsWith("State") && flip?.isActive === false ? " late" : "";
    calls.push(flip === undefined ? name : `${name} ${flip.tickBefore}>${flip.tick}${late}`);
  };
  const names = ["A", "B", "C", "M"].flatMap((state) => [`${state}State`, `${state}End`]);
  replica.bind(Object.fromEntries([...names, "AnyState"].map((name) => [name, note])), options);
  return calls;
}

describe("Handlers on a replica", () => {
  it("are told once per flip: End of what left, then State of what entered, then AnyState", async () => {
    const { followed, replica } = setUp();
    followed.machine.add("A");
    followed.snapshot();
    const calls = listen(replica);
    followed.machine.set(["B", "C"]);
    followed.diff();
    await settle();
    // C before B, which requires it.
    expect(calls).toEqual(["AEnd 1>2", "CState 0>1", "BState 0>1", "AnyState"]);
    followed.diff();
    await settle();
    expect(calls).toHaveLength(4);
  });

  it("see the clock after the change, and what it was about", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const seen: unknown[] = [];
    replica.handle({
      AState({ name, machine, state, flip, change }) {
        seen.push([name, state, machine.is("A"), flip]);
        const { flips, traceContexts, ...rest } = change;
        seen.push(
          rest,
          flips.map((each) => each.state),
          traceContexts,
        );
      },
    });
    followed.machine.add(["A", "C"]);
    followed.machine.add("M");
    followed.diff([Uint8Array.of(0)]);
    await settle();
    expect(seen).toEqual([
      [
        "AState",
        "A",
        true,
        {
          state: "A",
          tickBefore: 0,
          tick: 1,
          wasActive: false,
          isActive: true,
          activations: 1,
        },
      ],
      {
        type: "diff",
        epoch: followed.clock.epoch,
        seqBefore: 0,
        seq: 2,
        changedAtMs: followed.time.now(),
      },
      ["A", "C", "M"],
      [Uint8Array.of(0)],
    ]);
  });

  it.each<[what: string, mutate: string, calls: string[], activations: number]>([
    ["left and came back", "+A | -A +A", ["AEnd 1>3", "AState 1>3"], 1],
    ["left and came back twice", "+A | -A +A -A +A", ["AEnd 1>5", "AState 1>5"], 2],
    ["came and left again", "| +A -A", ["AState 0>2 late", "AEnd 0>2"], 1],
    ["left, came and left", "+A | -A +A -A", ["AEnd 1>4", "AState 1>4 late", "AEnd 1>4"], 1],
    ["a multi state, called again", "+M | +M +M", ["MState 1>5"], 2],
    ["a multi state, called again, that left", "+M | +M -M", ["MState 1>4 late", "MEnd 1>4"], 1],
    ["a multi state that left", "+M | -M", ["MEnd 1>2"], 0],
  ])(
    "are told of an activation that a merged diff has skipped: %s",
    async (_, mutations, expected, activations) => {
      const { followed, replica } = setUp();
      const [before, merged] = mutations.split("|") as [string, string];
      const run = (steps: string) => {
        for (const step of steps.trim().split(" ").filter(Boolean))
          followed.machine[step[0] === "+" ? "add" : "remove"](step.slice(1));
      };
      run(before);
      followed.snapshot();
      const calls = listen(replica);
      let told = 0;
      replica.handle({
        AnyState({ change }) {
          told += change.flips[0]!.activations;
        },
      });
      run(merged);
      followed.diff();
      await settle();
      expect(calls).toEqual([...expected, "AnyState"]);
      expect(told).toBe(activations);
    },
  );

  it("are told of what a snapshot of the same epoch changed, and of nothing else", async () => {
    const { followed, replica } = setUp();
    followed.machine.add(["A", "C"]);
    followed.snapshot();
    const calls = listen(replica);
    followed.snapshot();
    followed.machine.remove("A");
    followed.machine.add("M");
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["AEnd 1>2", "MState 0>1", "AnyState"]);
  });

  it("are told in a new epoch of the states whose activity differs, whatever their ticks", async () => {
    const { followed, replica } = setUp();
    for (const step of ["add", "remove", "add"] as const) followed.machine[step]("A");
    followed.machine.add("C");
    followed.snapshot();
    const calls = listen(replica);
    const types: string[] = [];
    replica.handle({ AnyState: ({ change }) => void types.push(change.type) });
    followed.restart();
    followed.machine.add(["A", "M"]);
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["CEnd 1>0", "MState 0>1", "AnyState"]);
    expect(types).toEqual(["epoch"]);
    followed.machine.remove("A");
    followed.diff();
    await settle();
    expect(calls.slice(3)).toEqual(["AEnd 1>2", "AnyState"]);
    expect(types).toEqual(["epoch", "diff"]);
  });

  it("are told that a state is over which a new schema does not have, and which of them wait for nothing", async () => {
    const { followed, replica } = setUp();
    followed.machine.add(["A", "C"]);
    followed.snapshot();
    const calls = listen(replica);
    followed.restart({ New: {}, C: {}, M: { multi: true }, B: {} });
    followed.machine.add(["C", "New"]);
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["AEnd 1>0", "AnyState"]);
    expect(followed.errors).toEqual([
      expect.stringMatching(/^Cannot tell handler "AState" of anything: .* state "A"/),
      expect.stringMatching(/^Cannot tell handler "AEnd" of anything/),
    ]);
    followed.machine.remove("C");
    followed.diff();
    await settle();
    expect(calls.slice(2)).toEqual(["CEnd 1>2", "AnyState"]);
    expect(followed.errors).toHaveLength(2);
    // The same schema, sent once more.
    followed.machine.add("C");
    followed.snapshot({ ...followed.source.clock.schema });
    await settle();
    expect(calls.slice(4)).toEqual(["CState 2>3", "AnyState"]);
    expect(followed.errors).toHaveLength(2);
  });

  it("are told in the order of the schema that there is", async () => {
    const { followed, replica } = setUp();
    followed.machine.add(["B", "C"]);
    followed.snapshot();
    const calls = listen(replica);
    followed.machine.set([]);
    followed.diff();
    await settle();
    expect(calls.splice(0)).toEqual(["CEnd 1>2", "BEnd 1>2", "AnyState"]);
    followed.restart({ A: {}, B: {}, C: { require: ["B"] }, M: {} });
    followed.machine.add(["B", "C"]);
    followed.snapshot();
    await settle();
    expect(calls).toEqual(["BState 2>1", "CState 2>1", "AnyState"]);
  });

  it("are not told of what is active when the first clock comes, unless they ask for it", async () => {
    const { followed, replica } = setUp();
    const [plain, all] = [listen(replica), listen(replica, { includeActive: true })];
    followed.machine.add(["C", "B"]);
    followed.snapshot();
    await settle();
    expect(plain).toEqual([]);
    expect(all).toEqual(["CState 0>1", "BState 0>1", "AnyState"]);
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(plain).toEqual(["AState 0>1", "AnyState"]);
    expect(all.slice(3)).toEqual(plain);
    const later = listen(replica, { includeActive: true });
    const types: string[] = [];
    replica.handle(
      { AnyState: ({ change }) => void types.push(change.type) },
      { includeActive: true },
    );
    await settle();
    expect(later).toEqual(["AState 0>1", "CState 0>1", "BState 0>1", "AnyState"]);
    expect(types).toEqual(["join"]);
    expect(plain).toHaveLength(2);
  });

  it("are not told of a change that came before they were bound", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const early = listen(replica);
    followed.machine.add("A");
    followed.diff();
    const late = listen(replica);
    const all = listen(replica, { includeActive: true });
    await settle();
    expect(early).toEqual(["AState 0>1", "AnyState"]);
    expect(all).toEqual(early);
    expect(late).toEqual([]);
    followed.machine.remove("A");
    followed.diff();
    await settle();
    expect(late).toEqual(["AEnd 1>2", "AnyState"]);
  });

  it("have a turn of their own: what came with the clock is done before", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const log: string[] = [];
    replica.handle({ AState: () => void log.push("handler") });
    followed.clock.onChange(() => log.push("passed on"));
    followed.machine.add("A");
    followed.diff();
    log.push("applied");
    await settle();
    expect(log).toEqual(["passed on", "applied", "handler"]);
  });

  it("are told no more once they are removed, by one of them as well", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
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
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(calls).toEqual(["first"]);
  });

  it("cost nothing where there are none: no turn is taken", async () => {
    const { followed, replica } = setUp();
    let turns = 0;
    followed.time.defer = (run) => {
      turns++;
      queueMicrotask(run);
      return () => {};
    };
    followed.snapshot();
    followed.machine.add("A");
    followed.diff();
    expect(turns).toBe(0);
    listen(replica);
    followed.machine.remove("A");
    followed.diff();
    expect(turns).toBe(1);
  });
});

describe("handle()", () => {
  it("refuses handlers that could veto", () => {
    const { replica } = setUp();
    const handler = () => {};
    // @ts-expect-error a replica cannot veto
    expect(() => replica.handle({ AEnter: handler })).toThrow(MachineError);
    // @ts-expect-error nor so
    expect(() => replica.handle({ AExit: handler })).toThrow(
      'Cannot bind handler "AExit" to "replica": it is a replica, which only tells what has happened, to FooState, FooEnd and AnyState; handlers that can veto belong to the source',
    );
    // @ts-expect-error nor so
    expect(() => replica.handle({ AnyEnter: handler })).toThrow(MachineError);
    // @ts-expect-error nor by a pair
    expect(() => replica.handle({ A: { C: handler } })).toThrow(MachineError);
    // @ts-expect-error nor by a pair in one word
    expect(() => replica.handle({ AC: handler })).toThrow(MachineError);
    const set = { AState: handler, AEnter: handler };
    // @ts-expect-error also in a set that comes from elsewhere
    expect(() => replica.handle(set)).toThrow(MachineError);
  });

  it("refuses a misspelt state, before the first clock and after it", () => {
    const { followed, replica } = setUp();
    const message =
      /^Cannot tell handler "AaState" of anything: the clock of "replica" does not hold state "Aa"; the nearest are "A"/;
    // @ts-expect-error "Aa" is no state
    expect(() => replica.handle({ AaState() {} })).toThrow(message);
    followed.snapshot();
    expect(() => replica.bind({ AaState() {} })).toThrow(message);
    expect(() =>
      replica.bind({ appAaState() {}, appAState() {} }, { prefix: "app" }),
    ).not.toThrow();
  });

  it("takes a class, and calls its methods on the instance", async () => {
    const { followed, replica } = setUp();
    class Counter {
      count = 0;
      AState() {
        this.count++;
      }
    }
    const counter = new Counter();
    replica.handle(counter);
    followed.snapshot();
    await settle();
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(counter.count).toBe(1);
  });
});
