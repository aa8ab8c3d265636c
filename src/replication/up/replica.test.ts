import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { schema as flights } from "../../flights/mod.ts";
import { ReplicationTree } from "../../testing/replication_tree.ts";
import { settle } from "../../testing/virtual_time.ts";
import type { VersionedClock } from "../clock/versioned_clock.ts";
import type { UpstreamTracer } from "./tracer.ts";

const SIGNAL = new AbortController().signal;

/** A tracer that records the statuses and moves of a link. */
function recordLink() {
  const statuses: string[] = [];
  const moves: string[] = [];
  const tracer: UpstreamTracer = {
    linkStatus: (status) => statuses.push(status),
    moved: ({ address, reason }) => moves.push(`${address}: ${reason}`),
  };
  return { statuses, moves, tracer };
}

function expectEqual(clock: VersionedClock, source: VersionedClock): void {
  expect(clock.version).toBe(source.version);
  expect([...clock.ticks]).toEqual([...source.ticks]);
  expect(clock.names).toEqual(source.names);
}

describe("Replica", () => {
  let tree: ReplicationTree;

  beforeEach(() => {
    tree = new ReplicationTree(flights);
  });

  afterEach(() => tree.close());

  it("learns schema and clock from upstream", async () => {
    const root = tree.root();
    root.machine.add(["Start", "Ready"]);
    const leaf = tree.replica("leaf", "root");
    await settle();
    expectEqual(leaf.clock, root.clock);
    expect(leaf.clock.schema).toEqual(root.machine.schema);
    expect(leaf.replica).toMatchObject({ status: "live", machineId: "flights", path: ["root"] });
  });

  it("follows at any depth: four levels below the root, whatever the order of start", async () => {
    const nodes = [
      tree.replica("d", "c"),
      tree.replica("c", "b"),
      tree.replica("b", "a"),
      tree.replica("a", "root"),
    ];
    await tree.time.advance(100);
    const root = tree.root();
    await tree.time.advance(12_000);
    for (let i = 1; i <= 20; i++) {
      root.machine.add([`Flight${(i % 10) + 1}Delayed`, `Flight${(i % 7) + 1}Gate${(i % 5) + 1}`]);
      await tree.time.advance(7);
    }
    await tree.time.advance(500);
    for (const node of nodes) expectEqual(node.clock, root.clock);
    expect(nodes[0]!.replica.path).toEqual(["root", "a", "b", "c"]);
  });

  it("is no longer live or fresh once the machine at the root is disposed", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root");
    await tree.time.advance(100);
    expect(leaf.replica.status).toBe("live");
    root.machine.add("Start");
    const { version } = root.clock;
    await root.machine.dispose();
    await tree.time.advance(10_000);
    expect(leaf.replica.status).not.toBe("live");
    expect(leaf.replica.ageMs()).toBeGreaterThan(9_000);
    // Start is removed first, and that is pushed before the streams end.
    expect(leaf.clock.version).not.toBe(version);
    expectEqual(leaf.clock, root.clock);
    expect(root.publisher.downstreams.size).toBe(0);
  });

  it("gets one merged diff per push interval, not one per transition", async () => {
    const root = tree.root();
    tree.replica("relay", "root", { pushIntervalMs: 50 });
    const applied: number[] = [];
    const leaf = tree.replica("leaf", "relay", {
      tracer: { applied: ({ seq }) => applied.push(seq) },
    });
    await tree.time.advance(200);
    applied.length = 0;
    for (let i = 0; i < 10; i++) {
      root.machine.toggle("Flight1Delayed");
      await tree.time.advance(10);
    }
    await tree.time.advance(100);
    expectEqual(leaf.clock, root.clock);
    expect(applied.length).toBeGreaterThanOrEqual(2);
    expect(applied.length).toBeLessThanOrEqual(4);
  });

  it("resumes after a cut with only the diff", async () => {
    const root = tree.root();
    const applied: { isSnapshot: boolean; bytes: number }[] = [];
    const leaf = tree.replica("leaf", "root", {
      tracer: { applied: (event) => applied.push(event) },
    });
    await settle();
    tree.network.cut("root");
    root.machine.add("Flight1Delayed");
    await settle();
    expect(leaf.replica.status).toBe("stale");
    await tree.time.advance(100);
    expectEqual(leaf.clock, root.clock);
    expect(applied.map(({ isSnapshot }) => isSnapshot)).toEqual([true, false]);
    expect(applied[1]!.bytes).toBeLessThan(120);
    expect(leaf.replica.reconnects).toBe(1);
  });

  it("stays live when a listener of its clock throws, and still calls the other listeners", async () => {
    const root = tree.root();
    const thrown: string[] = [];
    const onListenerError = (error: Error) => void thrown.push(error.message);
    const { replica, clock } = tree.replica("leaf", "root", { onListenerError });
    const seen: number[] = [];
    clock.onChange(() => {
      throw new Error("metrics are broken");
    });
    clock.onChange(() => seen.push(clock.seq));
    await tree.time.advance(100);
    root.machine.add("Flight1Delayed");
    await tree.time.advance(100);
    expect(replica.status).toBe("live");
    expect([replica.reconnects, replica.resyncs.size]).toEqual([0, 0]);
    expect(seen.at(-1)).toBe(root.clock.seq);
    expect(thrown.length).toBe(seen.length);
    expect(new Set(thrown)).toEqual(new Set(["metrics are broken"]));
  });

  it("passes trace contexts through nodes that do not trace", async () => {
    const root = tree.root();
    tree.replica("relay", "root");
    const leaf = tree.replica("leaf", "relay");
    await tree.time.advance(200);
    const { seq } = leaf.clock;
    const context = new Uint8Array(25).fill(7);
    root.machine.add("Flight1Delayed", undefined, { context });
    await tree.time.advance(200);
    expect(leaf.clock.traceContextsSince(seq)[0]).toEqual(context);
    root.machine.add("Flight2Delayed");
    await tree.time.advance(200);
    expect(leaf.clock.traceContextsSince(leaf.clock.seq - 1)).toEqual([]);
  });

  it("takes the new epoch of a root that restarted, at every level, without a restart", async () => {
    const first = tree.root();
    first.machine.add("Start");
    const relay = tree.replica("relay", "root");
    const leaf = tree.replica("leaf", "relay");
    await tree.time.advance(200);
    first.kill();
    await tree.time.advance(1_000);
    expect(leaf.clock.activeStates()).toContain("Start");
    const second = tree.root();
    await tree.time.advance(6_000);
    expect(second.clock.epoch).not.toBe(first.clock.epoch);
    expectEqual(leaf.clock, second.clock);
    expectEqual(relay.clock, second.clock);
  });

  it("learns another schema with the new epoch", async () => {
    const first = tree.root();
    const relay = tree.replica("relay", "root");
    const leaf = tree.replica("leaf", "relay");
    await tree.time.advance(200);
    first.kill();
    const second = tree.root("root", { Small: {}, Other: { require: ["Small"] } });
    second.machine.add("Small");
    await tree.time.advance(6_000);
    expectEqual(leaf.clock, second.clock);
    expectEqual(relay.clock, second.clock);
    expect(leaf.clock.names).toEqual(["Exception", "Other", "Small"]);
  });

  it("adds up its age hop by hop, and renews it by heartbeats when nothing changes", async () => {
    const root = tree.root();
    const relay = tree.replica("relay", "root");
    const leaf = tree.replica("leaf", "relay");
    expect(leaf.replica.ageMs()).toBe(Number.POSITIVE_INFINITY);
    expect(leaf.replica.lagMs()).toBe(Number.POSITIVE_INFINITY);
    await tree.time.advance(5_000);
    expect(relay.replica.ageMs()).toBeLessThanOrEqual(250);
    expect(leaf.replica.ageMs()).toBeLessThanOrEqual(500);
    root.kill();
    await tree.time.advance(3_000);
    // The relay still sends heartbeats, but they carry its own age.
    expect(leaf.replica.status).toBe("live");
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(3_000);
    expect(leaf.replica.ageMs()).toBeLessThanOrEqual(3_500);
    // That does not count as lag behind the relay.
    expect(leaf.replica.lagMs()).toBeLessThanOrEqual(500);
  });

  it("counts its age from the arrival of a message, not from when it was applied", async () => {
    const root = tree.root();
    const tracer = { applied: () => tree.time.spend(40) };
    const leaf = tree.replica("leaf", "root", { tracer });
    await settle();
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(40);
    await tree.time.advance(1_000);
    root.machine.toggle("Flight1Delayed");
    await settle();
    expectEqual(leaf.clock, root.clock);
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(40);
  });

  it("abandons a link that is silent for three announced intervals", async () => {
    tree.root();
    const leaf = tree.replica("leaf", "root");
    await tree.time.advance(1_000);
    tree.network.onPiece = () => undefined;
    await tree.time.advance(1_400);
    expect(leaf.replica.status).toBe("live");
    await tree.time.advance(200);
    expect(leaf.replica.status).not.toBe("live");
    expect(leaf.replica.lastError?.message).toMatch(/root was silent for 1500 ms/);
    tree.network.onPiece = (_, piece) => piece;
    await tree.time.advance(6_000);
    expect(leaf.replica.status).toBe("live");
  });

  it("never serves what the checksum does not prove, but takes a snapshot", async () => {
    const root = tree.root();
    const reasons: string[] = [];
    const leaf = tree.replica("leaf", "root", { tracer: { resync: (why) => reasons.push(why) } });
    await settle();
    const served: string[] = [];
    leaf.clock.onChange(() => served.push([...leaf.clock.ticks].join()));
    let isDone = false;
    tree.tamper(({ start, indexes, ticks }) => {
      if (isDone || start !== undefined || indexes.length === 0) return undefined;
      isDone = true;
      return { ticks: ticks.map((tick) => tick + 2) };
    });
    root.machine.add("Flight1Delayed");
    await tree.time.advance(500);
    expect(reasons).toEqual(["checksum"]);
    expect([...leaf.replica.resyncs]).toEqual([["checksum", 1]]);
    expectEqual(leaf.clock, root.clock);
    expect(new Set(served)).toEqual(new Set([[...root.clock.ticks].join()]));
  });

  it("waits ever longer between snapshots from an upstream that is wrong each time", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root");
    await settle();
    tree.tamper(({ start, indexes }) =>
      start === undefined && indexes.length > 0 ? { checksum: 1 } : undefined,
    );
    for (let i = 0; i < 500; i++) {
      root.machine.toggle("Start");
      await tree.time.advance(10);
    }
    // Not 500: the waits are half of 100 ms, 200 ms, 400 ms …, at most 1 s.
    const resyncs = leaf.replica.resyncs.get("checksum")!;
    expect(resyncs).toBeGreaterThanOrEqual(4);
    expect(resyncs).toBeLessThanOrEqual(10);
    tree.tamper(() => undefined);
    await tree.time.advance(6_000);
    expectEqual(leaf.clock, root.clock);
  });

  it("waits ever longer between tries of a link that soon breaks again", async () => {
    tree.root();
    tree.replica("leaf", "root");
    for (let i = 0; i < 40; i++) {
      await tree.time.advance(700);
      tree.network.cut("root");
    }
    // Not 40.
    expect(tree.network.requests.length).toBeLessThanOrEqual(30);
    await tree.time.advance(5_000);
    tree.network.cut("root");
    const before = tree.network.requests.length;
    await tree.time.advance(100);
    expect(tree.network.requests.length).toBe(before + 1);
  });

  it("returns to its preferred upstream once that is back, without a gap", async () => {
    const root = tree.root();
    let relay = tree.replica("relay", "root");
    tree.replica("other", "root");
    const { statuses, moves, tracer } = recordLink();
    const leaf = tree.replica("leaf", ["relay", "other"], { tracer });
    await tree.time.advance(2_000);
    await relay.kill();
    await tree.time.advance(500);
    expect(leaf.replica).toMatchObject({
      status: "live",
      address: "other",
      path: ["root", "other"],
    });
    // The preferred upstream is away: tries fail and change nothing.
    await tree.time.advance(40_000);
    expect(leaf.replica.address).toBe("other");
    relay = tree.replica("relay", "root");
    statuses.length = 0;
    const applied: number[] = [];
    leaf.clock.onChange(() => applied.push(leaf.clock.seq));
    for (let i = 0; i < 1_000; i++) {
      root.machine.toggle("Flight1Delayed");
      await tree.time.advance(31);
    }
    expect(moves).toEqual(["relay: preferred"]);
    expect(leaf.replica).toMatchObject({
      address: "relay",
      path: ["root", "relay"],
      reconnects: 1,
    });
    expect(statuses).toEqual([]);
    expect(leaf.replica.resyncs.size).toBe(0);
    expect(applied).toEqual([...new Set(applied)].sort((a, b) => a - b));
    await tree.time.advance(100);
    expectEqual(leaf.clock, root.clock);
  });

  describe("when its upstream drains", () => {
    it("moves to another without a gap, and the upstream is free to end", async () => {
      const root = tree.root();
      const relay = tree.replica("relay", "root");
      tree.replica("other", "root");
      const { statuses, moves, tracer } = recordLink();
      const leaf = tree.replica("leaf", ["relay", "other"], { tracer });
      await tree.time.advance(2_000);
      statuses.length = 0;
      let isDrained = false;
      void relay.publisher.drain().then(() => {
        isDrained = true;
      });
      await tree.time.advance(1);
      expect(moves).toEqual(["other: draining"]);
      expect(isDrained).toBe(true);
      root.machine.add("Flight1Delayed");
      await tree.time.advance(100);
      expectEqual(leaf.clock, root.clock);
      expect(statuses).toEqual([]);
      expect(leaf.replica.resyncs.size).toBe(0);
    });

    it("leaves it at once if no other accepts it, rather than delay its end", async () => {
      tree.root();
      const relay = tree.replica("relay", "root");
      const [single, refused] = [
        tree.replica("single", "relay"),
        tree.replica("refused", ["relay", "nobody"]),
      ];
      await tree.time.advance(2_000);
      await relay.publisher.drain();
      await settle();
      expect(single.replica.status).toBe("stale");
      expect(refused.replica.status).toBe("stale");
      expect(single.replica.lastError?.message).toBe("relay is stopping");
    });
  });

  it("leaves an upstream that is cut off from the root for one that is not, and returns once both are fresh", async () => {
    const root = tree.root();
    const relay = tree.replica("relay", "gate");
    const reopen = () =>
      tree.network.listen("gate", (request) => tree.network.forward("root", request));
    const shut = reopen();
    tree.replica("other", "root");
    const { moves, tracer } = recordLink();
    const leaf = tree.replica("leaf", ["relay", "other"], { tracer });
    await tree.time.advance(5_000);
    expectEqual(leaf.clock, root.clock);
    shut();
    root.machine.add("Flight1Delayed");
    await tree.time.advance(4_000);
    expect(moves).toEqual(["other: stale"]);
    expectEqual(leaf.clock, root.clock);
    expect(leaf.replica.ageMs()).toBeLessThan(600);
    // It still responds, but is not fresh: no reason to return.
    await tree.time.advance(60_000);
    expect(relay.replica.status).toBe("stale");
    expect(moves).toHaveLength(1);
    reopen();
    await tree.time.advance(35_000);
    expect(moves).toEqual(["other: stale", "relay: preferred"]);
  });

  it("stays with an upstream that is cut off if there is no better one", async () => {
    const root = tree.root();
    tree.replica("relay", "root");
    tree.replica("other", "root");
    const leaf = tree.replica("leaf", ["relay", "other"]);
    await tree.time.advance(2_000);
    root.kill();
    await tree.time.advance(60_000);
    expect(leaf.replica).toMatchObject({ status: "live", address: "relay", reconnects: 0 });
    expect(leaf.replica.ageMs()).toBeGreaterThan(59_000);
  });

  it("sends downstreams a changed path to the root, so that a circle that closes late is found", async () => {
    const root = tree.root();
    const a = tree.replica("a", "root");
    const b = tree.replica("b", ["a", "root"]);
    const c = tree.replica("c", "b");
    await tree.time.advance(2_000);
    expect(c.replica.path).toEqual(["root", "a", "b"]);
    await a.kill();
    await tree.time.advance(2_000);
    expect(b.replica.path).toEqual(["root"]);
    expect(c.replica.path).toEqual(["root", "b"]);
    expect(c.replica).toMatchObject({ status: "live", reconnects: 0 });
    root.machine.add("Start");
    await tree.time.advance(200);
    expectEqual(c.clock, root.clock);
  });

  it("waits for an upstream that is behind, rather than go back", async () => {
    const root = tree.root();
    const slow = tree.replica("slow", "root");
    const leaf = tree.replica("leaf", ["root", "slow"]);
    await tree.time.advance(300);
    // The root's pushes reach only one of its two downstreams, which gets ahead of the other.
    const passed: number[] = [];
    let isHeld = true;
    tree.network.onPiece = (address, piece) =>
      isHeld && address === "root" && passed.push(piece.length) > 1 ? undefined : piece;
    root.machine.add("Start");
    await settle();
    const ahead = [leaf.clock.seq, slow.clock.seq].sort();
    expect(ahead).toEqual([0, 2]);
    const first = leaf.clock.seq === 2 ? leaf : slow;
    const seqs: number[] = [];
    first.clock.onChange(() => seqs.push(first.clock.seq));
    isHeld = false;
    tree.network.cut("root");
    await tree.time.advance(8_000);
    root.machine.add("Ready");
    await tree.time.advance(1_000);
    expectEqual(leaf.clock, root.clock);
    expectEqual(slow.clock, root.clock);
    expect(seqs).toEqual([3]);
  });

  it("keeps its clock when an upstream has only an older one", async () => {
    const first = tree.root();
    const behind = tree.replica("behind", "root");
    await tree.time.advance(300);
    first.kill();
    await tree.time.advance(100);
    // The new root is unreachable for the relay, which keeps the clock of the first.
    const second = tree.root("elsewhere");
    second.machine.add("Start");
    const leaf = tree.replica("leaf", ["elsewhere", "behind"]);
    await tree.time.advance(300);
    expectEqual(leaf.clock, second.clock);
    second.kill();
    await tree.time.advance(5_000);
    expect(behind.clock.epoch).toBe(first.clock.epoch);
    expectEqual(leaf.clock, second.clock);
    expect(leaf.replica.lastError?.message).toMatch(
      /behind serves an older clock|Cannot reach elsewhere/,
    );
  });

  it("refuses an upstream that is downstream of it", async () => {
    const a = tree.replica("a", ["root", "b"]);
    const root = tree.root();
    await tree.time.advance(500);
    const b = tree.replica("b", "a");
    await tree.time.advance(500);
    expect(b.replica.status).toBe("live");
    root.kill();
    await tree.time.advance(10_000);
    expect(a.replica.status).not.toBe("live");
    expect(a.replica.lastError?.message).toMatch(/upstream of itself|Cannot reach root/);
  });

  it("has the root run mutations from any depth", async () => {
    const root = tree.root();
    tree.replica("relay", "root");
    const leaf = tree.replica("leaf", "relay");
    await tree.time.advance(300);
    const options = { signal: SIGNAL, timeoutMs: 1_000 };
    const response = await leaf.replica.mutate(
      { type: "add", states: ["Flight1Delayed"] },
      options,
    );
    expect(response).toEqual({ result: "executed", version: root.clock.version });
    expect(root.machine.is("Flight1Delayed")).toBe(true);
    await tree.time.advance(100);
    expect(leaf.clock.activeStates()).toContain("Flight1Delayed");
    const canceled = await leaf.replica.mutate(
      { type: "add", states: ["Flight1Gate1", "Flight1Gate2"] },
      options,
    );
    expect(canceled).toMatchObject({
      result: "canceled",
      rejected: { state: "Flight1Gate2", by: "relation Remove of Flight1Gate1" },
    });
    await expect(
      leaf.replica.mutate({ type: "add", states: ["Nope"] }, options),
    ).rejects.toMatchObject({ code: "unknown_state", states: ["Nope"] });
  });

  it("rejects a mutation while it cannot reach an upstream", async () => {
    const leaf = tree.replica("leaf", "nowhere");
    const response = leaf.replica.mutate(
      { type: "add", states: ["A"] },
      { signal: SIGNAL, timeoutMs: 5_000 },
    );
    const refused = expect(response).rejects.toMatchObject({
      code: "unavailable",
      message:
        "Cannot forward the mutation: the link to nowhere is connecting (Cannot reach nowhere: ECONNREFUSED)",
    });
    await tree.time.advance(1_000);
    await refused;
  });

  it("delays a mutation while its link is established again", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root");
    await tree.time.advance(2_000);
    tree.network.cut("root");
    await settle();
    expect(leaf.replica.status).toBe("stale");
    const response = leaf.replica.mutate(
      { type: "add", states: ["Start"] },
      { signal: SIGNAL, timeoutMs: 5_000 },
    );
    await tree.time.advance(100);
    expect(await response).toMatchObject({ result: "executed" });
    expect(root.machine.is("Start")).toBe(true);
  });

  it("never forwards a mutation in a circle", async () => {
    const a = tree.replica("a", "b");
    const b = tree.replica("b", "a");
    await tree.time.advance(300);
    for (const { replica } of [a, b]) {
      const response = replica.mutate(
        { type: "add", states: ["A"] },
        { signal: SIGNAL, timeoutMs: 100 },
      );
      const refused = expect(response).rejects.toMatchObject({ code: "unavailable" });
      await tree.time.advance(100);
      await refused;
    }
    expect(tree.network.requests.filter((path) => path.endsWith("/Mutate"))).toEqual([]);
  });

  it("leaves no timer and no stream when it closes", async () => {
    const root = tree.root();
    const leaf = tree.replica("leaf", "root");
    await tree.time.advance(300);
    await leaf.kill();
    root.kill();
    await settle();
    expect(leaf.replica.status).toBe("closed");
    expect(tree.network.open).toBe(0);
    expect(tree.time.pending).toBe(0);
  });
});
