/** Handlers on a leaf of a tree, across cuts, resyncs and restarts of the root. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { schema, stateNames } from "../../gen/flight_states.ts";
import { encodeEnvelope } from "../replication/wire/connect.ts";
import { decodeClockMessage, encodeClockMessage } from "../replication/wire/message_codec.ts";
import { ReplicationTree } from "../testing/replication_tree.ts";
import { createReplicaMachine } from "./replica_machine.ts";

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

  /** A root with these states active, and a leaf whose handlers are logged as `Flight1DelayedState 1`. */
  async function start(
    active: readonly string[] = [],
    options: { hasRelay?: boolean; states?: string } = {},
  ) {
    const root = keep(tree.root());
    root.machine.add(active);
    if (options.hasRelay) keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", options.hasRelay ? "relay" : "root", options));
    const machine = createReplicaMachine(leaf.clock, {
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
    await tree.time.advance(200);
    return { root, leaf, machine };
  }

  it("receive what happens at the root, two hops away, once", async () => {
    const { root } = await start([], { hasRelay: true });
    root.machine.add("Flight1Delayed");
    await tree.time.advance(200);
    expect(log).toEqual(["Flight1DelayedState 1"]);
    root.machine.add("Flight1Departed");
    root.machine.add("Flight2Delayed");
    await tree.time.advance(2_000);
    expect(log).toEqual(["Flight1DelayedState 1", "Flight1DelayedEnd 2", "Flight2DelayedState 1"]);
  });

  it("receive after a cut only what they missed", async () => {
    const { root, leaf } = await start(["Flight1Delayed"]);
    expect(log).toEqual([]);
    tree.network.cut("root");
    root.machine.add("Flight2Delayed");
    await tree.time.advance(1_000);
    expect(log).toEqual(["Flight2DelayedState 1"]);
    expect(leaf.replica.reconnects).toBe(1);
  });

  it("receive after a resync by snapshot only what has flipped", async () => {
    const { root, leaf } = await start(["Flight1Delayed"]);
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

  it("receive after a restart of the root the states that differ", async () => {
    const { root } = await start(["Flight1Delayed", "Flight2OnTime"], { hasRelay: true });
    root.kill();
    await tree.time.advance(2_000);
    const second = keep(tree.root());
    await tree.time.advance(5_000);
    expect(log.splice(0)).toEqual(["Flight1DelayedEnd 0"]);
    second.machine.add("Flight1Delayed");
    await tree.time.advance(200);
    expect(log).toEqual(["Flight1DelayedState 1"]);
  });

  it("receive the trace contexts of the transitions behind a change", async () => {
    const { root, leaf, machine } = await start();
    const contexts: number[][] = [];
    machine.handle({
      AnyState: ({ change }) => void contexts.push(change.traceContexts.map((each) => each[0]!)),
    });
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
    // A new epoch has other seqs.
    root.kill();
    keep(tree.root());
    await tree.time.advance(5_000);
    expect(clock.traceContextsSince(0)).toEqual([]);
  });

  it("of a replica of some states run for those, and are reported for others", async () => {
    const { root } = await start([], { states: "Flight1*" });
    expect(log.splice(0)).toEqual([
      expect.stringMatching(/^Cannot call handler "Flight2DelayedState": /),
      expect.stringMatching(/^Cannot call handler "Flight2DelayedEnd": /),
    ]);
    root.machine.add(["Flight1Delayed", "Flight2Delayed"]);
    await tree.time.advance(200);
    expect(log).toEqual(["Flight1DelayedState 1"]);
  });

  it("that throw or never end leave the leaf, and its downstream, equal to the root", async () => {
    const { root, leaf, machine } = await start();
    const below = keep(tree.replica("below", "leaf"));
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
