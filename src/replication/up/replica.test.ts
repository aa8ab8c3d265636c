import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { schema as flights } from "../../flights/mod.ts";
import { ReplicationTree } from "../../testing/replication_tree.ts";
import { settle } from "../../testing/virtual_time.ts";
import type { VersionedClock } from "../clock/versioned_clock.ts";
import type { ReplicationTracer } from "../tracer.ts";
import { encodeEnvelope } from "../wire/envelope.ts";
import { decodeClockMessage, encodeClockMessage } from "../wire/message_codec.ts";
import type { ClockMessage } from "../wire/messages.ts";

const SIGNAL = new AbortController().signal;

function expectEqual(clock: VersionedClock, source: VersionedClock): void {
  expect(clock.version).toBe(source.version);
  expect([...clock.ticks]).toEqual([...source.ticks]);
  expect(clock.names).toEqual(source.names);
}

describe("Replica", () => {
  let tree: ReplicationTree;
  let open: { kill(): void | Promise<void> }[];
  const keep = <T extends { kill(): void | Promise<void> }>(node: T): T => {
    open.push(node);
    return node;
  };

  beforeEach(() => {
    tree = new ReplicationTree(flights);
    open = [];
  });

  afterEach(async () => {
    await Promise.all(open.map((node) => node.kill()));
  });

  it("learns schema and clock from upstream", async () => {
    const root = keep(tree.root());
    root.machine.add(["Start", "Ready"]);
    const leaf = keep(tree.replica("leaf", "root"));
    await settle();
    expectEqual(leaf.clock, root.clock);
    expect(leaf.clock.schema).toEqual(root.machine.schema);
    expect(leaf.replica).toMatchObject({ status: "live", machineId: "flights", path: ["root"] });
  });

  it("follows at any depth: four levels below the root, whatever the order of start", async () => {
    const nodes = [
      keep(tree.replica("d", "c")),
      keep(tree.replica("c", "b")),
      keep(tree.replica("b", "a")),
      keep(tree.replica("a", "root")),
    ];
    await tree.time.advance(100);
    const root = keep(tree.root());
    await tree.time.advance(12_000);
    for (let i = 1; i <= 20; i++) {
      root.machine.add([`Flight${(i % 10) + 1}Delayed`, `Flight${(i % 7) + 1}Gate${(i % 5) + 1}`]);
      await tree.time.advance(7);
    }
    await tree.time.advance(500);
    for (const node of nodes) expectEqual(node.clock, root.clock);
    expect(nodes[0]!.replica.path).toEqual(["root", "a", "b", "c"]);
  });

  it("gets one merged diff per push interval, not one per transition", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root", { pushIntervalMs: 50 }));
    const applied: number[] = [];
    const leaf = keep(
      tree.replica("leaf", "relay", { tracer: { applied: ({ seq }) => applied.push(seq) } }),
    );
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

  it("resumes after a cut with the diff alone", async () => {
    const root = keep(tree.root());
    const applied: { isSnapshot: boolean; bytes: number }[] = [];
    const leaf = keep(
      tree.replica("leaf", "root", { tracer: { applied: (event) => applied.push(event) } }),
    );
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

  it("stays live when a listener of its clock throws, which stops no other listener", async () => {
    const root = keep(tree.root());
    const thrown: string[] = [];
    const onListenerError = (error: Error) => void thrown.push(error.message);
    const { replica, clock } = keep(tree.replica("leaf", "root", { onListenerError }));
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

  it("passes trace contexts on through nodes that do not trace", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", "relay"));
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
    const relay = keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", "relay"));
    await tree.time.advance(200);
    first.kill();
    await tree.time.advance(1_000);
    expect(leaf.clock.activeStates()).toContain("Start");
    const second = keep(tree.root());
    await tree.time.advance(6_000);
    expect(second.clock.epoch).not.toBe(first.clock.epoch);
    expectEqual(leaf.clock, second.clock);
    expectEqual(relay.clock, second.clock);
  });

  it("learns another schema with the new epoch", async () => {
    const first = tree.root();
    const relay = keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", "relay"));
    await tree.time.advance(200);
    first.kill();
    const second = keep(tree.root("root", { Small: {}, Other: { require: ["Small"] } }));
    second.machine.add("Small");
    await tree.time.advance(6_000);
    expectEqual(leaf.clock, second.clock);
    expectEqual(relay.clock, second.clock);
    expect(leaf.clock.names).toEqual(["Exception", "Other", "Small"]);
  });

  it("adds up its age hop by hop and proves it anew by heartbeats when nothing changes", async () => {
    const root = tree.root();
    const relay = keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", "relay"));
    expect(leaf.replica.ageMs()).toBe(Number.POSITIVE_INFINITY);
    expect(leaf.replica.lagMs()).toBe(Number.POSITIVE_INFINITY);
    await tree.time.advance(5_000);
    expect(relay.replica.ageMs()).toBeLessThanOrEqual(250);
    expect(leaf.replica.ageMs()).toBeLessThanOrEqual(500);
    root.kill();
    await tree.time.advance(3_000);
    // The relay goes on sending heartbeats, but they carry its own age.
    expect(leaf.replica.status).toBe("live");
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(3_000);
    expect(leaf.replica.ageMs()).toBeLessThanOrEqual(3_500);
    // It is no further behind the relay for that.
    expect(leaf.replica.lagMs()).toBeLessThanOrEqual(500);
  });

  it("counts its age from when a message came, not from when that has been applied", async () => {
    const root = keep(tree.root());
    const tracer = { applied: () => tree.time.spend(40) };
    const leaf = keep(tree.replica("leaf", "root", { tracer }));
    await settle();
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(40);
    await tree.time.advance(1_000);
    root.machine.toggle("Flight1Delayed");
    await settle();
    expectEqual(leaf.clock, root.clock);
    expect(leaf.replica.ageMs()).toBeGreaterThanOrEqual(40);
  });

  it.each([
    ["heartbeat interval", { heartbeatIntervalMs: 86_400_000 }],
    ["path", { path: ["roof"] }],
    ["epoch", { epoch: "0f".repeat(8) }],
    ["machine", { machineId: "lights" }],
    ["schema", { schema: { schema: { A: {} }, names: ["A"] }, ticks: [0] }],
  ])("does not act on a start with a wrong %s", async (_, change) => {
    const root = keep(tree.root());
    let isDone = false;
    tree.network.onPiece = (_, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      if (isDone || message.start === undefined) return piece;
      isDone = true;
      return encodeEnvelope(
        encodeClockMessage({ ...message, start: { ...message.start, ...change } }),
      );
    };
    const leaf = keep(tree.replica("leaf", "root"));
    await tree.time.advance(500);
    expect([...leaf.replica.resyncs]).toEqual([["checksum", 1]]);
    expect(leaf.replica).toMatchObject({ path: ["root"], machineId: "flights", status: "live" });
    expectEqual(leaf.clock, root.clock);
  });

  it("gives up a link that is silent for three announced intervals", async () => {
    keep(tree.root());
    const leaf = keep(tree.replica("leaf", "root"));
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

  /** Changes the first diff that passes. */
  function corruptOnce(
    clock: VersionedClock,
    change: (message: ClockMessage, clock: VersionedClock) => Partial<ClockMessage>,
  ): void {
    let isDone = false;
    tree.network.onPiece = (_, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      if (isDone || message.start !== undefined || message.indexes.length === 0) return piece;
      isDone = true;
      return encodeEnvelope(encodeClockMessage({ ...message, ...change(message, clock) }));
    };
  }

  it.each([
    ["checksum", () => ({ checksum: 1 })],
    ["checksum", ({ seq }: { seq: number }) => ({ seq: seq + 1 })],
    ["checksum", () => ({ ageMs: 1 })],
    ["checksum", ({ sentMs }: { sentMs: number }) => ({ sentMs: sentMs + 60_000 })],
    [
      "checksum",
      ({ ticks }: { ticks: Float64Array }) => ({ ticks: ticks.map((tick) => tick + 2) }),
    ],
    ["unknown_state", () => ({ indexes: Uint32Array.of(4_000), ticks: Float64Array.of(1) })],
    ["seq_back", () => ({ seq: 0 })],
    [
      "tick_back",
      (_: object, clock: VersionedClock) => ({
        indexes: Uint32Array.of(clock.indexOf("Start")),
        ticks: Float64Array.of(0),
      }),
    ],
  ] as const)(
    "never serves what the checksum does not prove: resyncs by reason %s",
    async (reason, change) => {
      const root = keep(tree.root());
      const reasons: string[] = [];
      const tracer: ReplicationTracer = { resync: (why) => reasons.push(why) };
      const leaf = keep(tree.replica("leaf", "root", { tracer }));
      await settle();
      root.machine.add("Start");
      await tree.time.advance(1);
      const served: string[] = [];
      leaf.clock.onChange(() => served.push([...leaf.clock.ticks].join()));
      corruptOnce(leaf.clock, change);
      root.machine.add("Ready");
      await tree.time.advance(500);
      expect(reasons).toEqual([reason]);
      expect(leaf.replica.resyncs.get(reason)).toBe(1);
      expectEqual(leaf.clock, root.clock);
      expect(served.every((ticks) => ticks === [...root.clock.ticks].join())).toBe(true);
    },
  );

  it("takes ever longer between snapshots from an upstream that goes on being wrong", async () => {
    const root = keep(tree.root());
    const leaf = keep(tree.replica("leaf", "root"));
    await settle();
    tree.network.onPiece = (_, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      return message.start === undefined && message.indexes.length > 0
        ? encodeEnvelope(encodeClockMessage({ ...message, checksum: 1 }))
        : piece;
    };
    for (let i = 0; i < 500; i++) {
      root.machine.toggle("Start");
      await tree.time.advance(10);
    }
    // Not 500: half of 100 ms, 200 ms, 400 ms … lies between them, 1 s in the end.
    const resyncs = leaf.replica.resyncs.get("checksum")!;
    expect(resyncs).toBeGreaterThanOrEqual(4);
    expect(resyncs).toBeLessThanOrEqual(10);
    tree.network.onPiece = (_, piece) => piece;
    await tree.time.advance(6_000);
    expectEqual(leaf.clock, root.clock);
  });

  it("takes ever longer between tries of a link that breaks again soon", async () => {
    keep(tree.root());
    keep(tree.replica("leaf", "root"));
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

  it("does not go back to a snapshot that is behind it, and waits for what comes after", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root", { pushIntervalMs: 3_000 }));
    const far = keep(tree.replica("far", "relay"));
    const leaf = keep(tree.replica("leaf", ["root", "far"]));
    const flip = async (count: number) => {
      for (let i = 0; i < count; i++) {
        root.machine.toggle("Start");
        await tree.time.advance(10);
      }
    };
    await tree.time.advance(2_000);
    await flip(20);
    expect(far.clock.seq).toBeLessThan(leaf.clock.seq);
    const seqs: number[] = [];
    leaf.clock.onChange(() => seqs.push(leaf.clock.seq));
    // What the root sends is wrong twice: the leaf turns to the other, and asks for all that it has.
    tree.network.onPiece = (address, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      return address === "root" && message.start === undefined && message.indexes.length > 0
        ? encodeEnvelope(encodeClockMessage({ ...message, checksum: 1 }))
        : piece;
    };
    await flip(2);
    tree.network.onPiece = (_, piece) => piece;
    await tree.time.advance(100);
    expect(leaf.replica).toMatchObject({ address: "far", status: "syncing" });
    expect(far.clock.seq).toBeLessThan(leaf.clock.seq);
    await tree.time.advance(3_000);
    expect(leaf.replica).toMatchObject({ address: "far", status: "live" });
    expectEqual(leaf.clock, root.clock);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  it("returns to its preferred upstream once that is back, without a break", async () => {
    const root = keep(tree.root());
    let relay = tree.replica("relay", "root");
    keep(tree.replica("other", "root"));
    const statuses: string[] = [];
    const returned: string[] = [];
    const leaf = keep(
      tree.replica("leaf", ["relay", "other"], {
        tracer: {
          linkStatus: (status) => statuses.push(status),
          moved: ({ address, reason }) => returned.push(`${address}: ${reason}`),
        },
      }),
    );
    await tree.time.advance(2_000);
    await relay.kill();
    await tree.time.advance(500);
    expect(leaf.replica).toMatchObject({
      status: "live",
      address: "other",
      path: ["root", "other"],
    });
    // Away: the first tries find nobody and change nothing.
    await tree.time.advance(40_000);
    expect(leaf.replica.address).toBe("other");
    relay = keep(tree.replica("relay", "root"));
    statuses.length = 0;
    const applied: number[] = [];
    leaf.clock.onChange(() => applied.push(leaf.clock.seq));
    for (let i = 0; i < 1_000; i++) {
      root.machine.toggle("Flight1Delayed");
      await tree.time.advance(31);
    }
    expect(returned).toEqual(["relay: preferred"]);
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
    it("goes over to another without a break, and the upstream is free to end", async () => {
      const root = keep(tree.root());
      const relay = keep(tree.replica("relay", "root"));
      keep(tree.replica("other", "root"));
      const moves: string[] = [];
      const statuses: string[] = [];
      const leaf = keep(
        tree.replica("leaf", ["relay", "other"], {
          tracer: {
            linkStatus: (status) => statuses.push(status),
            moved: ({ address, reason }) => moves.push(`${address}: ${reason}`),
          },
        }),
      );
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

    it("leaves it at once if no other takes it, rather than keep it waiting", async () => {
      keep(tree.root());
      const relay = keep(tree.replica("relay", "root"));
      const [alone, refused] = [
        keep(tree.replica("alone", "relay")),
        keep(tree.replica("refused", ["relay", "nobody"])),
      ];
      await tree.time.advance(2_000);
      await relay.publisher.drain();
      await settle();
      expect(alone.replica.status).toBe("stale");
      expect(refused.replica.status).toBe("stale");
      expect(alone.replica.lastError?.message).toBe("relay is stopping");
    });
  });

  it("leaves an upstream that is cut off itself for one that is not, and returns once both are fresh", async () => {
    const root = keep(tree.root());
    const relay = keep(tree.replica("relay", "gate"));
    const reopen = () =>
      tree.network.listen("gate", (request) => tree.network.forward("root", request));
    const shut = reopen();
    keep(tree.replica("other", "root"));
    const moves: string[] = [];
    const leaf = keep(
      tree.replica("leaf", ["relay", "other"], {
        tracer: { moved: ({ address, reason }) => moves.push(`${address}: ${reason}`) },
      }),
    );
    await tree.time.advance(5_000);
    expectEqual(leaf.clock, root.clock);
    shut();
    root.machine.add("Flight1Delayed");
    await tree.time.advance(4_000);
    expect(moves).toEqual(["other: stale"]);
    expectEqual(leaf.clock, root.clock);
    expect(leaf.replica.ageMs()).toBeLessThan(600);
    // It answers all the time, but is not fresh: no reason to go back.
    await tree.time.advance(60_000);
    expect(relay.replica.status).toBe("stale");
    expect(moves).toHaveLength(1);
    reopen();
    await tree.time.advance(35_000);
    expect(moves).toEqual(["other: stale", "relay: preferred"]);
  });

  it("stays with an upstream that is cut off if there is no better one", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root"));
    keep(tree.replica("other", "root"));
    const leaf = keep(tree.replica("leaf", ["relay", "other"]));
    await tree.time.advance(2_000);
    root.kill();
    await tree.time.advance(60_000);
    expect(leaf.replica).toMatchObject({ status: "live", address: "relay", reconnects: 0 });
    expect(leaf.replica.ageMs()).toBeGreaterThan(59_000);
  });

  it("tells downstreams of another way to the root, so that a circle that closes late is found", async () => {
    const root = keep(tree.root());
    const a = tree.replica("a", "root");
    const b = keep(tree.replica("b", ["a", "root"]));
    const c = keep(tree.replica("c", "b"));
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

  it("waits for an upstream that is behind it, rather than go back", async () => {
    const root = keep(tree.root());
    const slow = keep(tree.replica("slow", "root"));
    const leaf = keep(tree.replica("leaf", ["root", "slow"]));
    await tree.time.advance(300);
    // The relay's link is held up while the leaf, at the root itself, goes on.
    const held: number[] = [];
    let isHeld = true;
    tree.network.onPiece = (address, piece) =>
      isHeld && address === "root" && held.push(piece.length) > 1 ? undefined : piece;
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
    const behind = keep(tree.replica("behind", "root"));
    await tree.time.advance(300);
    first.kill();
    await tree.time.advance(100);
    // The new root is out of reach for the relay, which keeps the clock of the first.
    const second = tree.root("elsewhere");
    second.machine.add("Start");
    const leaf = keep(tree.replica("leaf", ["elsewhere", "behind"]));
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
    const a = keep(tree.replica("a", ["root", "b"]));
    const root = tree.root();
    await tree.time.advance(500);
    const b = keep(tree.replica("b", "a"));
    await tree.time.advance(500);
    expect(b.replica.status).toBe("live");
    root.kill();
    await tree.time.advance(10_000);
    expect(a.replica.status).not.toBe("live");
    expect(a.replica.lastError?.message).toMatch(/upstream of itself|Cannot reach root/);
  });

  it("has the root run mutations from any depth", async () => {
    const root = keep(tree.root());
    keep(tree.replica("relay", "root"));
    const leaf = keep(tree.replica("leaf", "relay"));
    await tree.time.advance(300);
    const options = { signal: SIGNAL, timeoutMs: 1_000 };
    const reply = await leaf.replica.mutate({ type: "add", states: ["Flight1Delayed"] }, options);
    expect(reply).toEqual({ result: "executed", version: root.clock.version });
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

  it("says that nobody can be reached for a mutation", async () => {
    const leaf = keep(tree.replica("leaf", "nowhere"));
    const reply = leaf.replica.mutate(
      { type: "add", states: ["A"] },
      { signal: SIGNAL, timeoutMs: 5_000 },
    );
    const refused = expect(reply).rejects.toMatchObject({
      code: "unavailable",
      message:
        "Cannot forward the mutation: the link to nowhere is connecting (Cannot reach nowhere: ECONNREFUSED)",
    });
    await tree.time.advance(1_000);
    await refused;
  });

  it("holds a mutation back while its link is made anew", async () => {
    const root = keep(tree.root());
    const leaf = keep(tree.replica("leaf", "root"));
    await tree.time.advance(2_000);
    tree.network.cut("root");
    await settle();
    expect(leaf.replica.status).toBe("stale");
    const reply = leaf.replica.mutate(
      { type: "add", states: ["Start"] },
      { signal: SIGNAL, timeoutMs: 5_000 },
    );
    await tree.time.advance(100);
    expect(await reply).toMatchObject({ result: "executed" });
    expect(root.machine.is("Start")).toBe(true);
  });

  it("never sends a mutation in a circle", async () => {
    const a = keep(tree.replica("a", "b"));
    const b = keep(tree.replica("b", "a"));
    await tree.time.advance(300);
    for (const { replica } of [a, b]) {
      const reply = replica.mutate(
        { type: "add", states: ["A"] },
        { signal: SIGNAL, timeoutMs: 100 },
      );
      const refused = expect(reply).rejects.toMatchObject({ code: "unavailable" });
      await tree.time.advance(100);
      await refused;
    }
    expect(tree.network.requests.filter((path) => path.endsWith("/Mutate"))).toEqual([]);
  });

  it("leaves nothing behind when it closes", async () => {
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
