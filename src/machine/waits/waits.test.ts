import { describe, expect, it, onTestFinished } from "vitest";
import { createMachine } from "../mod.ts";
import { defineSchema } from "../schema.ts";

const SCHEMA = defineSchema({ A: {}, B: {}, C: { require: ["B"] }, M: { multi: true } });
const create = () => createMachine(SCHEMA, { id: "m", states: ["A", "B", "C", "M", "Exception"] });

/** Lets all reactions to settled promises run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await null;
}

/** Whether and how the promise has settled. */
async function stateOf(promise: Promise<unknown>): Promise<"open" | "resolved" | "rejected"> {
  let state: "open" | "resolved" | "rejected" = "open";
  promise.then(
    () => {
      state = "resolved";
    },
    () => {
      state = "rejected";
    },
  );
  await settle();
  return state;
}

describe("when()", () => {
  it("resolves at once if all states are active, otherwise when they are active at the same time", async () => {
    const machine = create();
    const wait = machine.when(["A", "B"]);
    machine.add("A");
    machine.remove("A");
    machine.add("B");
    expect(await stateOf(wait)).toBe("open");
    machine.add("A");
    expect(await stateOf(wait)).toBe("resolved");
    expect(await stateOf(machine.when(["B", "A"]))).toBe("resolved");
    expect(await stateOf(machine.when([]))).toBe("resolved");
    expect(machine.waitCount).toBe(0);
  });

  it("resolves for a state that is active only until its auto mutation", async () => {
    const machine = createMachine({ A: {}, B: { auto: true, remove: ["A"] } });
    const wait = machine.when("A");
    machine.add("A");
    expect(machine.activeStates()).toEqual(["B"]);
    expect(await stateOf(wait)).toBe("resolved");
  });

  it("stays open after a canceled transition and a check", async () => {
    const machine = create();
    const wait = machine.when("C");
    expect(machine.add("C").result).toBe("canceled");
    machine.canAdd(["B", "C"]);
    expect(await stateOf(wait)).toBe("open");
  });

  it("resolves for a state that stays active when a later final handler throws", async () => {
    const machine = create();
    machine.handle({
      BState() {
        throw new Error("made up");
      },
    });
    const [first, second] = [machine.when("A"), machine.when("B")];
    machine.add(["A", "B"]);
    expect(machine.activeStates()).toContain("A");
    expect(await stateOf(first)).toBe("resolved");
    expect(await stateOf(second)).toBe("open");
  });

  it("throws for an unknown state", () => {
    expect(() => createMachine({ Ready: {} }).when("Redy" as "Ready")).toThrow(
      /^Cannot use state "Redy".*"Ready"/,
    );
  });
});

describe("whenNot()", () => {
  it("resolves at once if no state is active, otherwise when none is active at the same time", async () => {
    const machine = create();
    machine.add(["A", "B"]);
    const wait = machine.whenNot(["A", "B"]);
    machine.remove("A");
    machine.add("A");
    machine.remove("B");
    expect(await stateOf(wait)).toBe("open");
    machine.remove("A");
    expect(await stateOf(wait)).toBe("resolved");
    expect(await stateOf(machine.whenNot(["A"]))).toBe("resolved");
    expect(() => machine.whenNot("D" as "A")).toThrow(/^Cannot use state "D"/);
  });
});

describe("whenTime()", () => {
  it("resolves when every tick has reached its number, at the same time or not", async () => {
    const machine = create();
    const wait = machine.whenTime({ A: 1, B: 2 });
    machine.add("A");
    machine.remove("A");
    machine.add("B");
    expect(await stateOf(wait)).toBe("open");
    machine.remove("B");
    expect(machine.time()).toEqual([2, 2, 0, 0, 0]);
    expect(await stateOf(wait)).toBe("resolved");
    expect(await stateOf(machine.whenTime({ A: 1, B: 1 }))).toBe("resolved");
    expect(await stateOf(machine.whenTime({}))).toBe("resolved");
  });

  it("never resolves for a tick of an unknown state", async () => {
    const machine = create();
    const wait = machine.whenTime({ Ghost: 1 } as Record<string, number>);
    machine.add(["A", "B", "C", "M"]);
    expect(await stateOf(wait)).toBe("open");
  });

  it("resolves when a tick moves past its number by 2", async () => {
    const machine = create();
    machine.add("M");
    const wait = machine.whenTime({ M: 2 });
    machine.add("M");
    expect(machine.tick("M")).toBe(3);
    expect(await stateOf(wait)).toBe("resolved");
  });
});

describe("whenTicks()", () => {
  it("resolves when the tick has grown by the count, at once for 0 and below", async () => {
    const machine = create();
    machine.add("A");
    const wait = machine.whenTicks("A", 2);
    machine.remove("A");
    expect(await stateOf(wait)).toBe("open");
    machine.add("A");
    expect(await stateOf(wait)).toBe("resolved");
    expect(await stateOf(machine.whenTicks("A", 0))).toBe("resolved");
    expect(await stateOf(machine.whenTicks("A", -1))).toBe("resolved");
  });
});

describe("whenNextActive()", () => {
  it("does not count the current activation", async () => {
    const machine = create();
    machine.add("A");
    const active = machine.whenNextActive("A");
    const inactive = machine.whenNextActive("B");
    machine.remove("A");
    machine.add("B");
    expect(await stateOf(active)).toBe("open");
    expect(await stateOf(inactive)).toBe("resolved");
    machine.add("A");
    expect(await stateOf(active)).toBe("resolved");
  });
});

describe("whenArgs()", () => {
  it("resolves after a turn of the state's final handlers with every given arg, even without handlers", async () => {
    const machine = create();
    const wait = machine.whenArgs("M", { id: 1 });
    machine.add("M", { id: 2, more: 1 });
    machine.add("M");
    machine.add("A", { id: 1 });
    expect(await stateOf(wait)).toBe("open");
    machine.add("M", { id: 1, more: 2 });
    expect(await stateOf(wait)).toBe("resolved");
  });

  it("never resolves at once, nor for an active state that is called again", async () => {
    const machine = create();
    machine.add("A", { id: 1 });
    const wait = machine.whenArgs("A", { id: 1 });
    machine.add("A", { id: 1 });
    expect(await stateOf(wait)).toBe("open");
    machine.remove("A");
    machine.add("A", { id: 1 });
    expect(await stateOf(wait)).toBe("resolved");
  });

  it("resolves also if the handler throws, but not after a veto", async () => {
    const machine = create();
    let accepts = false;
    machine.handle({
      AEnter: () => accepts,
      AState() {
        throw new Error("made up");
      },
    });
    const wait = machine.whenArgs("A", {});
    machine.add("A");
    expect(await stateOf(wait)).toBe("open");
    accepts = true;
    machine.add("A");
    expect(await stateOf(wait)).toBe("resolved");
  });

  it("keeps waits for fewer args separate", async () => {
    const machine = create();
    const narrow = machine.whenArgs("A", { id: 1 });
    const wide = machine.whenArgs("A", {});
    machine.add("A", { id: 2 });
    expect(await stateOf(wide)).toBe("resolved");
    expect(await stateOf(narrow)).toBe("open");
    expect(() => machine.whenArgs("D" as "A", {})).toThrow(/^Cannot use state "D"/);
  });
});

describe("whenQuery()", () => {
  it("runs its query only after accepted transitions, never at once", async () => {
    const machine = create();
    const seen: number[][] = [];
    const wait = machine.whenQuery((ticks) => {
      seen.push([...ticks]);
      return seen.length > 1;
    });
    expect(await stateOf(wait)).toBe("open");
    machine.add("C");
    machine.canAdd("A");
    expect(seen).toEqual([]);
    machine.add("A");
    expect(await stateOf(wait)).toBe("open");
    // No tick moves, but this is a transition.
    machine.add("A");
    expect(await stateOf(wait)).toBe("resolved");
    expect(seen).toEqual([
      [1, 0, 0, 0, 0],
      [1, 0, 0, 0, 0],
    ]);
    machine.add("B");
    expect(seen).toHaveLength(2);
  });
});

describe("whenQueue()", () => {
  it("resolves at once for a mutation that was not queued", async () => {
    const machine = create();
    expect(await stateOf(machine.whenQueue(machine.add("A")))).toBe("resolved");
    expect(await stateOf(machine.whenQueue(machine.add("C")))).toBe("resolved");
  });

  it("resolves when the queued mutation has run, executed or canceled", async () => {
    const machine = create();
    const waits: Promise<void>[] = [];
    const open: number[] = [];
    machine.handle({
      AState() {
        waits.push(machine.whenQueue(machine.add("C")), machine.whenQueue(machine.add("M")));
        open.push(machine.waitCount);
      },
      MEnter() {
        // C has been canceled by now.
        open.push(machine.waitCount);
      },
    });
    machine.add("A");
    expect(open).toEqual([2, 1]);
    expect(await Promise.all(waits.map(stateOf))).toEqual(["resolved", "resolved"]);
  });

  it("treats the running mutation as done", async () => {
    const machine = create();
    let wait: Promise<void> | undefined;
    machine.handle({
      AState() {
        wait = machine.whenQueue({ result: "queued", queueTick: machine.queueTick });
      },
    });
    machine.add("A");
    expect(await stateOf(wait!)).toBe("resolved");
  });
});

describe("whenQueueEnd()", () => {
  it("resolves at once if nothing runs, otherwise when the queue is empty", async () => {
    const machine = create();
    expect(await stateOf(machine.whenQueueEnd())).toBe("resolved");
    const log: string[] = [];
    machine.trace({
      queueEnd: () => log.push("queueEnd hook"),
    });
    machine.handle({
      AState() {
        machine.add("B");
        void machine.whenQueueEnd().then(() => log.push(`end ${machine.activeStates().join()}`));
      },
    });
    machine.add("A");
    await settle();
    expect(log).toEqual(["queueEnd hook", "end A,B"]);
  });
});

describe("whenErr()", () => {
  it("resolves when Exception is active", async () => {
    const machine = create();
    const wait = machine.whenErr();
    machine.add("A");
    expect(await stateOf(wait)).toBe("open");
    machine.addErr(new Error("made up"));
    expect(await stateOf(wait)).toBe("resolved");
    expect(await stateOf(machine.whenErr())).toBe("resolved");
  });
});

describe("Waits", () => {
  it("share one promise if they are equal, in any order of states; those with a signal do not", () => {
    const machine = create();
    expect(machine.when(["A", "B"])).toBe(machine.when(["B", "A"]));
    expect(machine.whenTime({ A: 1, B: 2 })).toBe(machine.whenTime({ B: 2, A: 1 }));
    expect(machine.when("A")).not.toBe(machine.whenNot("B"));
    expect(machine.when("A")).not.toBe(machine.when("B"));
    expect(machine.whenTime({ A: 1 })).not.toBe(machine.whenTime({ A: 2 }));
    const { signal } = new AbortController();
    expect(machine.when("A", { signal })).not.toBe(machine.when("A", { signal }));
  });

  it("resolve by kind: activity, then ticks, then queries", async () => {
    const machine = create();
    const log: string[] = [];
    const note = (name: string) => () => log.push(name);
    const waits = [
      machine.whenQuery(() => true).then(note("query")),
      machine.whenTicks("A", 1).then(note("ticks")),
      machine.when("B").then(note("when")),
    ];
    machine.add(["A", "B"]);
    await Promise.all(waits);
    expect(log).toEqual(["when", "ticks", "query"]);
  });

  it("reject as soon as their signal aborts, with its reason, and are no longer counted", async () => {
    const machine = create();
    machine.add("B");
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [
      machine.when("A", { signal }),
      machine.whenNot("B", { signal }),
      machine.whenTime({ A: 1 }, { signal }),
      machine.whenTicks("A", 1, { signal }),
      machine.whenNextActive("A", { signal }),
      machine.whenQuery(() => true, { signal }),
      machine.whenErr({ signal }),
      machine.whenArgs("A", {}, { signal }),
    ];
    expect(machine.waitCount).toBe(waits.length);
    const reason = new Error("made up");
    controller.abort(reason);
    expect(machine.waitCount).toBe(0);
    for (const wait of waits) await expect(wait).rejects.toBe(reason);
  });

  it("that nobody awaits do not fail the process when they are aborted", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const machine = create();
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 2; i++) {
      void machine.when("A", { signal });
      void machine.whenNot([], { signal });
      void machine.whenTime({ A: 1 }, { signal });
      void machine.whenQuery(() => false, { signal });
      void machine.whenArgs("A", {}, { signal });
      controller.abort();
    }
    await expect(machine.when("A", { signal })).rejects.toBe(signal.reason);
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  });

  it("reject at once if their signal has already aborted, even if they are satisfied", async () => {
    const machine = create();
    machine.add("A");
    const signal = AbortSignal.abort(new Error("made up"));
    await expect(machine.when("A", { signal })).rejects.toThrow("made up");
    await expect(machine.whenArgs("A", {}, { signal })).rejects.toThrow("made up");
    await expect(machine.whenQuery(() => true, { signal })).rejects.toThrow("made up");
  });

  it("ignore their signal after they have resolved", async () => {
    const machine = create();
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [
      machine.when("A", { signal }),
      machine.whenArgs("A", {}, { signal }),
      machine.whenQuery(() => true, { signal }),
    ];
    machine.add("A");
    controller.abort();
    expect(await Promise.all(waits.map(stateOf))).toEqual(["resolved", "resolved", "resolved"]);
  });

  it("all resolve on disposal, and later ones at once", async () => {
    const machine = create();
    machine.add("B");
    const all = () => [
      machine.when("A"),
      machine.whenNot("B"),
      machine.whenTime({ A: 1 }),
      machine.whenArgs("A", {}),
      machine.whenQuery(() => false),
      machine.whenQueue({ result: "queued", queueTick: 99 }),
      machine.whenErr(),
    ];
    const waits = all();
    expect(machine.waitCount).toBe(waits.length);
    await machine.dispose();
    expect(machine.waitCount).toBe(0);
    for (const wait of [...waits, ...all()]) expect(await stateOf(wait)).toBe("resolved");
  });
});
