import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { schema as flights, flightsLayout } from "../flights/mod.ts";
import type { Schema } from "../machine/mod.ts";
import { ReplicationTree, type TreeReplica, type TreeRoot } from "../testing/replication_tree.ts";
import { isSelected, parseSelection } from "./clock/selection.ts";
import type { VersionedClock } from "./clock/versioned_clock.ts";
import { encodeEnvelope, SUBSCRIBE_PATH } from "./wire/connect.ts";
import { decodeSubscribeRequest, encodeSubscribeRequest } from "./wire/message_codec.ts";
import { hashSchema } from "./wire/schema_codec.ts";
import { sealStart } from "./wire/seal.ts";

const SIGNAL = new AbortController().signal;

/** The selected states of a clock with their ticks, in order. */
function choose(clock: VersionedClock, states?: string): [string, number][] {
  const selection = states === undefined ? undefined : parseSelection(states);
  return clock.names
    .map((name, i): [string, number] => [name, clock.ticks[i]!])
    .filter(([name]) => selection === undefined || isSelected(selection, name));
}

function expectEqual(clock: VersionedClock, source: VersionedClock, states?: string): void {
  expect(clock.version).toBe(source.version);
  expect(choose(clock)).toEqual(choose(source, states));
}

describe("A replica with a selection", () => {
  let tree: ReplicationTree;

  beforeEach(() => {
    tree = new ReplicationTree(flights);
  });

  afterEach(() => tree.close());

  const mutate = (leaf: TreeReplica, ...states: string[]) =>
    leaf.replica.mutate({ type: "add", states }, { signal: SIGNAL, timeoutMs: 1_000 });

  it("is proven by heartbeats, which detect a wrong clock", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root", { states: "Flight2*" });
    await tree.time.advance(100);
    root.machine.add("Start");
    leaf.clock.advance(leaf.clock.seq, Uint32Array.of(0), [7]);
    await tree.time.advance(600);
    expect([...leaf.replica.resyncs]).toEqual([["checksum", 1]]);
    expectEqual(leaf.clock, root.clock, "Flight2*");
  });

  it("reaches the version of any mutation soon, also below a relay with a selection", async () => {
    const root = tree.root();
    tree.replica("relay", "root", { states: "Flight2*,Exception" });
    const leaf = tree.replica("leaf", "relay", { states: "Flight2Gate*" });
    await tree.time.advance(1_000);
    for (let i = 0; i < 5; i++) {
      // Right after a change, no heartbeat is due.
      root.machine.toggle("Flight2Gate1");
      await tree.time.advance(10);
      const { version } = await mutate(leaf, `Flight1Gate${i + 1}`);
      expect(version).toBe(root.clock.version);
      await tree.time.advance(320);
      expect(leaf.clock.version).toBe(version);
      expect(leaf.replica.ageMs()).toBeLessThan(600);
    }
    expect([...leaf.replica.resyncs]).toEqual([]);
  });

  it("moves between nodes that hold its states, resumes there, and skips those that do not", async () => {
    const root = tree.root();
    const part = tree.replica("part", "root", { states: "Flight2*" });
    tree.replica("other", "root", { states: "Flight3*" });
    tree.replica("whole", "root");
    const snapshots: boolean[] = [];
    const leaf = tree.replica("leaf", ["part", "other", "whole"], {
      states: "Flight2*",
      tracer: { applied: ({ isSnapshot }) => snapshots.push(isSnapshot) },
    });
    await tree.time.advance(1_500);
    expect(leaf.replica).toMatchObject({ address: "part", status: "live" });
    await part.kill();
    root.machine.add(["Flight2Delayed", "Start"]);
    await tree.time.advance(1_500);
    expect(leaf.replica).toMatchObject({ address: "whole", status: "live" });
    expect(leaf.replica.lastError?.message).toBe(
      'Cannot serve "Flight2*": this node holds only "Flight3*"',
    );
    expectEqual(leaf.clock, root.clock, "Flight2*");
    expect(snapshots).toEqual([true, false]);
    tree.replica("part", "root", { states: "Flight2*" });
    root.machine.add("Flight1Delayed");
    await tree.time.advance(61_000);
    expect(leaf.replica).toMatchObject({ address: "part", status: "live", reconnects: 1 });
    expectEqual(leaf.clock, root.clock, "Flight2*");
    expect(snapshots).toEqual([true, false]);
  });

  it("does not follow an upstream that sends other states than it requested", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root", { states: "Flight2*" });
    await tree.time.advance(100);
    expectEqual(leaf.clock, root.clock, "Flight2*");
    tree.tamper(({ start }) => {
      if (start === undefined) return undefined;
      const schema = { schema: { Start: {} }, names: ["Start"] };
      const hash = hashSchema(schema.schema, schema.names);
      const other = { ...start, schema, ticks: [0] };
      const checksum = sealStart(other, hash, parseSelection("Flight2*"));
      return { checksum: 0, start: { ...other, checksum } };
    });
    const before = choose(leaf.clock);
    tree.network.cut("root");
    await tree.time.advance(3_000);
    expect(leaf.replica.lastError?.message).toBe(
      'Cannot follow root: it sent state "Start", which was not requested',
    );
    expect(choose(leaf.clock)).toEqual(before);
  });

  it("does not follow an upstream that received another selection, or none", async () => {
    const root = tree.root();
    let received: string | undefined = "gate*";
    // The request changes in transit.
    tree.network.onRequest = (path, body) => {
      if (path !== SUBSCRIBE_PATH) return body;
      const request = decodeSubscribeRequest(body.subarray(5));
      const selection = received === undefined ? undefined : parseSelection(received);
      return encodeEnvelope(encodeSubscribeRequest({ ...request, selection }));
    };
    const resyncs: string[] = [];
    const leaf = tree.replica("leaf", "root", {
      states: "Gate*",
      tracer: { resync: (reason, detail) => resyncs.push(`${reason}: ${detail}`) },
    });
    await tree.time.advance(100);
    received = undefined;
    await tree.time.advance(300);
    expect(new Set(resyncs)).toEqual(
      new Set([
        `checksum: the start of epoch ${root.clock.epoch}`,
        `checksum: the start of epoch ${root.clock.epoch}, which is not of the states that we requested`,
      ]),
    );
    expect(leaf.clock.epoch).toBe("");
    received = "Gate*";
    await tree.time.advance(4_000);
    expectEqual(leaf.clock, root.clock, "Gate*");
    expect(leaf.replica.status).toBe("live");
  });

  it("moves from an upstream that drains to one that has not reached the latest seq yet", async () => {
    const root = tree.root();
    tree.replica("part", "root", { states: "Flight2*" });
    root.machine.add("Flight2Delayed");
    await tree.time.advance(100);
    const whole = tree.replica("whole", "root");
    const moves: string[] = [];
    const leaf = tree.replica("leaf", ["whole", "part"], {
      states: "Flight2*",
      tracer: { moved: ({ address, reason }) => moves.push(`${address} ${reason}`) },
    });
    await tree.time.advance(490);
    root.machine.add("Flight1Delayed");
    await tree.time.advance(20);
    expect(leaf.clock.version).toBe(root.clock.version);
    void whole.publisher.drain();
    await tree.time.advance(250);
    expect(moves).toEqual(["part draining"]);
    expect(leaf.replica).toMatchObject({ address: "part", status: "live", reconnects: 0 });
    expect(leaf.replica.lastError).toBeUndefined();
    expectEqual(leaf.clock, root.clock, "Flight2*");
  });

  it("costs few bytes to join, to resume and for each push, and none for other states' pushes", async () => {
    const root = tree.root();
    root.machine.add("Start");
    const [, second, third] = flightsLayout.flights;
    const replicas = [undefined, `${second!.name}*`].map((states) =>
      tree.replica(states ?? "all", "root", states === undefined ? {} : { states }),
    );
    const cost = async (act: () => void) => {
      const before = replicas.map(({ replica }) => replica.bytesReceived);
      act();
      await tree.time.advance(0);
      return replicas.map(({ replica }, i) => replica.bytesReceived - before[i]!);
    };
    const [joinAll, join] = await cost(() => {});
    // Envelopes included; 13 of the schema's 149 states belong to the flight.
    expect(join).toBeLessThanOrEqual(290);
    expect(joinAll).toBeGreaterThan(5 * join!);
    const [pushAll, push] = await cost(() => root.machine.toggle(second!.gates[0]!));
    expect(push).toBeLessThanOrEqual(24);
    expect(pushAll).toBeGreaterThanOrEqual(push!);
    expect((await cost(() => root.machine.toggle(third!.gates[0]!)))[1]).toBe(0);
    const before = replicas[1]!.replica.bytesReceived;
    tree.network.cut("root");
    await tree.time.advance(200);
    expect(replicas[1]!.replica.bytesReceived - before).toBeLessThanOrEqual(70);
  });
});

describe("Trees of selections", () => {
  const LETTERS = ["A", "B", "C"];
  const SCHEMA: Schema = Object.fromEntries(
    LETTERS.flatMap((letter) => [1, 2, 3].map((number) => [`${letter}${number}`, {}])),
  );
  const STATES = Object.keys(SCHEMA);
  const RELAYS = [
    { name: "all", upstream: ["root"], states: undefined },
    { name: "ab", upstream: ["root", "all"], states: "A*,B*" },
    { name: "a", upstream: ["ab", "all"], states: "A*" },
    { name: "ab1", upstream: ["ab", "root"], states: "A*,B1" },
  ] as const;
  const SELECTIONS = [undefined, "A*", "A1,A2", "B*,C1", "B1", "A*,B*", "C*,A3", "Z*"];

  const leaf = fc.record({
    states: fc.constantFrom(...SELECTIONS),
    upstream: fc.shuffledSubarray(RELAYS.map(({ name }): string => name)),
  });
  const command = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("toggle" as const),
        states: fc.uniqueArray(fc.constantFrom(...STATES), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("wait" as const),
        ms: fc.constantFrom(0, 10, 60, 300, 1_500),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constantFrom("cut" as const, "restart" as const),
        relay: fc.nat(RELAYS.length - 1),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constantFrom("schema" as const, "epoch" as const) }),
    },
  );

  it("only ever show what the root had, and in the end what it has", async () => {
    const runs = fc.array(command, { maxLength: 25, size: "max" });
    const leaves = fc.array(leaf, { minLength: 1, maxLength: 4, size: "max" });
    await fc.assert(
      fc.asyncProperty(runs, leaves, async (commands, leavesOfRun) => {
        const tree = new ReplicationTree(SCHEMA);
        const truth = new Map<string, VersionedClock["ticks"]>();
        const schemas = new Map<string, readonly string[]>();
        const wrong: string[] = [];
        let schema = SCHEMA;
        let root: TreeRoot;
        const startRoot = () => {
          root = tree.root("root", schema);
          const note = () => {
            truth.set(root.clock.version, root.clock.ticks.slice());
            schemas.set(root.clock.epoch, root.clock.names);
          };
          note();
          root.clock.onChange(note);
        };
        startRoot();
        const start = (name: string, upstream: readonly string[], states: string | undefined) => {
          const node = tree.replica(name, upstream, states === undefined ? {} : { states });
          const selection = states === undefined ? undefined : parseSelection(states);
          node.clock.onChange(() => {
            const { epoch, version, names } = node.clock;
            const all = schemas.get(epoch) ?? [];
            const then = all
              .map((state, i): [string, number] => [state, truth.get(version)?.[i] ?? -1])
              .filter(([state]) => selection === undefined || isSelected(selection, state));
            if (JSON.stringify(choose(node.clock)) !== JSON.stringify(then))
              wrong.push(`${name} at ${version}: ${names} ${node.clock.ticks}`);
          });
          return { node, states };
        };
        const startRelay = (index: number) => {
          const { name, upstream, states } = RELAYS[index]!;
          return start(name, upstream, states);
        };
        const relays = RELAYS.map((_, index) => startRelay(index));
        const others = leavesOfRun.map(({ states, upstream }, i) =>
          start(`leaf${i}`, [...upstream, "root"], states),
        );
        for (const next of commands) {
          if (next.type === "toggle") root!.machine.toggle([...next.states]);
          else if (next.type === "wait") await tree.time.advance(next.ms);
          else if (next.type === "cut") tree.network.cut(RELAYS[next.relay]!.name);
          else if (next.type === "restart") {
            await relays[next.relay]!.node.kill();
            relays[next.relay] = startRelay(next.relay);
          } else {
            schema = { ...schema, [`A${Object.keys(schema).length}`]: {} };
            if (next.type === "schema")
              root!.machine.setSchema(schema, ["Exception", ...Object.keys(schema)] as never);
            else {
              root!.kill();
              startRoot();
            }
          }
        }
        await tree.time.advance(20_000);
        expect(wrong).toEqual([]);
        for (const { node, states } of [...relays, ...others]) {
          expectEqual(node.clock, root!.clock, states);
          expect(node.replica.status).toBe("live");
        }
        await Promise.all([...relays, ...others].map(({ node }) => node.kill()));
        root!.kill();
      }),
      { numRuns: 100 },
    );
  });
});
