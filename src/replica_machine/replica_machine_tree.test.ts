/** Handlers at the end of a tree, through whatever happens to the links above them. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StateName, schema, stateNames } from "../../gen/flight_states.ts";
import { encodeEnvelope } from "../replication/wire/envelope.ts";
import { decodeClockMessage, encodeClockMessage } from "../replication/wire/message_codec.ts";
import { ReplicationTree, type TreeReplica } from "../testing/replication_tree.ts";
import { createReplicaMachine, type ReplicaMachine } from "./replica_machine.ts";

describe("Handlers on the leaf of a tree", () => {
  let tree: ReplicationTree;
  let open: { kill(): void | Promise<void> }[];
  let log: string[];

  beforeEach(() => {
    tree = new ReplicationTree(schema);
    open = [];
    log = [];
  });

  afterEach(async () => {
    await Promise.all(open.map((node) => node.kill()));
  });

  const keep = <T extends { kill(): void | Promise<void> }>(node: T): T => {
    open.push(node);
    return node;
  };

  /** Notes each call of a handler of Flight1 and Flight2 being delayed, as `Flight1DelayedState 1`. */
  function watch({ clock }: TreeReplica): ReplicaMachine<StateName> {
    const machine = createReplicaMachine(clock, {
      states: stateNames,
      time: tree.time,
      onError: (error) => log.push(error.message),
    });
    const note = ({ name, flip }: { name: string; flip: { tick: number } }) =>
      void log.push(`${name} ${flip.tick}`);
    machine.handle({
      Flight1DelayedState: note,
      Flight1DelayedEnd: note,
      Flight2DelayedState: note,
      Flight2DelayedEnd: note,
    });
    return machine;
  }

  it("are told of what happens at the root, two hops away, and of nothing twice", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root"));
    watch(keep(tree.replica("leaf", "relay")));
    await tree.time.advance(200);
    root.machine.add("Flight1Delayed");
    await tree.time.advance(200);
    expect(log).toEqual(["Flight1DelayedState 1"]);
    root.machine.add("Flight1Departed");
    root.machine.add("Flight2Delayed");
    await tree.time.advance(2_000);
    expect(log).toEqual(["Flight1DelayedState 1", "Flight1DelayedEnd 2", "Flight2DelayedState 1"]);
  });

  it("are told after a cut of what they missed, and only of that", async () => {
    const root = keep(tree.root());
    root.machine.add("Flight1Delayed");
    const leaf = keep(tree.replica("leaf", "root"));
    watch(leaf);
    await tree.time.advance(200);
    expect(log).toEqual([]);
    tree.network.cut("root");
    root.machine.add("Flight2Delayed");
    await tree.time.advance(1_000);
    expect(log).toEqual(["Flight2DelayedState 1"]);
    expect(leaf.replica.reconnects).toBe(1);
  });

  it("are told after a resync by snapshot of what has flipped, and only of that", async () => {
    const root = keep(tree.root());
    root.machine.add("Flight1Delayed");
    const leaf = keep(tree.replica("leaf", "root"));
    watch(leaf);
    await tree.time.advance(200);
    let isBroken = false;
    tree.network.onPiece = (_, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      if (isBroken || message.indexes.length === 0) return piece;
      isBroken = true;
      return encodeEnvelope(encodeClockMessage({ ...message, checksum: message.checksum ^ 1 }));
    };
    root.machine.add("Flight2Delayed");
    await tree.time.advance(3_000);
    expect(log).toEqual(["Flight2DelayedState 1"]);
    expect([...leaf.replica.resyncs]).toEqual([["checksum", 1]]);
  });

  it("are told after a restart of the root of the states that differ", async () => {
    const first = tree.root();
    first.machine.add(["Flight1Delayed", "Flight2OnTime"]);
    keep(tree.replica("relay", "root"));
    watch(keep(tree.replica("leaf", "relay")));
    await tree.time.advance(200);
    first.kill();
    await tree.time.advance(2_000);
    const second = keep(tree.root());
    await tree.time.advance(5_000);
    expect(log).toEqual(["Flight1DelayedEnd 0"]);
    second.machine.add("Flight1Delayed");
    await tree.time.advance(200);
    expect(log.slice(1)).toEqual(["Flight1DelayedState 1"]);
  });

  it("get the trace contexts of the transitions that they are told of", async () => {
    const root = tree.root();
    const leaf = keep(tree.replica("leaf", "root"));
    const machine = watch(leaf);
    const contexts: number[][] = [];
    machine.handle({
      AnyState: ({ change }) => void contexts.push(change.traceContexts.map((each) => each[0]!)),
    });
    await tree.time.advance(200);
    for (const flight of [1, 2]) {
      const context = new Uint8Array(25).fill(flight);
      root.machine.add(`Flight${flight}Delayed`, undefined, { context });
    }
    await tree.time.advance(100);
    root.machine.add("Flight3Delayed");
    await tree.time.advance(100);
    // Auto transitions carry the context of their cause.
    expect([...new Set(contexts.flat())]).toEqual([1, 2]);
    expect(contexts.at(-1)).toEqual([]);
    const { clock } = leaf;
    expect(clock.traceContextsSince(0).map((each) => each[0])).toEqual([1, 1, 2]);
    // Seqs of another epoch are others.
    root.kill();
    keep(tree.root());
    await tree.time.advance(5_000);
    expect(clock.traceContextsSince(0)).toEqual([]);
  });

  it("of a replica of some states are told of those, and say which handlers have none", async () => {
    const root = keep(tree.root());
    watch(keep(tree.replica("leaf", "root", { states: "Flight1*" })));
    await tree.time.advance(200);
    expect(log).toEqual([
      expect.stringMatching(/^Cannot tell handler "Flight2DelayedState" of anything/),
      expect.stringMatching(/^Cannot tell handler "Flight2DelayedEnd" of anything/),
    ]);
    root.machine.add(["Flight1Delayed", "Flight2Delayed"]);
    await tree.time.advance(200);
    expect(log.slice(2)).toEqual(["Flight1DelayedState 1"]);
  });

  it("that throw and hang leave the leaf, and what follows it, equal to the root", async () => {
    const root = keep(tree.root());
    const leaf = keep(tree.replica("leaf", "root"));
    const below = keep(tree.replica("below", "leaf"));
    const machine = watch(leaf);
    machine.handle({
      AnyState() {
        throw new Error("made up");
      },
      Flight1DelayedState: () => new Promise(() => {}),
    });
    await tree.time.advance(200);
    for (let i = 0; i < 200; i++) {
      root.machine.toggle("Flight1Delayed");
      await tree.time.advance(1);
    }
    await tree.time.advance(200);
    for (const { clock } of [leaf, below]) {
      expect(clock.version).toBe(root.clock.version);
      expect(clock.checksum).toBe(root.clock.checksum);
    }
    expect(leaf.replica.status).toBe("live");
    expect(log).toContain("made up");
    expect(machine.running).toBeLessThanOrEqual(100);
  });
});
