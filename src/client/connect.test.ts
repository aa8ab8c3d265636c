import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CallError, defineSchema } from "../machine/mod.ts";
import type { Transport } from "../replication/mod.ts";
import { ReplicationTree } from "../testing/replication_tree.ts";
import { type ConnectOptions, connectOver } from "./connect.ts";

const SCHEMA = defineSchema({
  Open: { remove: ["Closed"] },
  Closed: { auto: true, remove: ["Open"] },
  Locked: { require: ["Closed"] },
});
type State = keyof typeof SCHEMA | "Exception";

describe("connect()", () => {
  let tree: ReplicationTree;
  /** What a test puts in the way of the bytes. */
  let transport: Transport;

  beforeEach(() => {
    tree = new ReplicationTree(SCHEMA);
    transport = tree.network.transport;
  });

  afterEach(() => tree.close());

  /** Runs virtual time until `promise` settles. */
  async function settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const watched = promise.finally(() => {
      isOver = true;
    });
    watched.catch(() => {});
    for (let i = 0; i < 400 && !isOver; i++) await tree.time.advance(50);
    expect(isOver).toBe(true);
    return await watched;
  }

  /** Connects to the relay of a root. */
  async function setUp(options: Partial<ConnectOptions<State>> = {}) {
    const root = tree.root();
    tree.replica("relay", "root");
    const remote = await settled(
      connectOver<State>(() => ({ transport: (...args) => transport(...args) }), {
        addresses: "http://relay",
        name: "remote",
        time: tree.time,
        ...options,
      }),
    );
    return { root, remote };
  }

  it("resolves with the first clock, to a machine that runs mutations at the root and shows them", async () => {
    const { root, remote } = await setUp();
    expect(remote.is("Open")).toBe(false);
    expect(remote.machineId).toBe("flights");
    const { result, version } = await settled(remote.add("Open"));
    expect(result).toBe("executed");
    expect(remote.is("Open")).toBe(true);
    expect(root.machine.is("Open")).toBe(true);
    expect(remote.version).toBe(version);
    await settled(remote.remove(["Open"]));
    expect(remote.activeStates()).toEqual(["Closed"]);
    await settled(remote.toggle("Open"));
    await settled(remote.set("Closed"));
    expect(remote.is("Closed")).toBe(true);
    await remote.close();
  });

  it("resolves canceled mutations with the reason, and refuses states that the root lacks", async () => {
    const { remote } = await setUp();
    await settled(remote.add("Open"));
    expect(await settled(remote.add("Locked"))).toMatchObject({
      result: "canceled",
      rejected: { by: expect.stringContaining("Require") },
    });
    await expect(settled(remote.add("Opne" as State))).rejects.toMatchObject({
      code: "unknown_state",
      message: expect.stringContaining('nearest known are "Open"'),
    });
    await remote.close();
  });

  it("runs each mutation once, also when its first response is lost", async () => {
    const { root, remote } = await setUp();
    let losses = 2;
    transport = async (request, init) => {
      const isMutation = request.url.endsWith("/Mutate") && losses-- > 0;
      const response = await tree.network.transport(request, init);
      if (isMutation) throw new Error("connection reset");
      return response;
    };
    await settled(remote.toggle("Open"));
    expect(root.machine.tick("Open")).toBe(1);
    await remote.close();
  });

  it("rejects a mutation at its deadline, and by its signal", async () => {
    const { root, remote } = await setUp();
    root.kill();
    await expect(settled(remote.add("Open", undefined, { timeoutMs: 3_000 }))).rejects.toThrow(
      "Cannot confirm the mutation within 3000 ms: the root may run it nevertheless",
    );
    const abort = new AbortController();
    const aborted = remote.add("Open", undefined, { signal: abort.signal });
    abort.abort(new Error("changed my mind"));
    await expect(settled(aborted)).rejects.toThrow("changed my mind");
    await remote.close();
  });

  it("says at which version a mutation holds that this copy does not reach in time", async () => {
    const { remote } = await setUp();
    // The relay still takes mutations, but its heartbeats and diffs, which are envelopes, no longer arrive.
    tree.network.onPiece = (address, piece) =>
      address === "relay" && piece[0] === 0 ? undefined : piece;
    await expect(settled(remote.add("Open", undefined, { timeoutMs: 1_000 }))).rejects.toThrow(
      /^The mutation was executed at version 0{15}1-\d+, which this copy did not reach within 1000 ms: it is at/,
    );
    await remote.close();
  });

  it("checks mutations at the root without running them", async () => {
    const { remote } = await setUp();
    expect(await settled(remote.canAdd("Open"))).toEqual({ result: "executed" });
    expect(remote.is("Open")).toBe(false);
    await settled(remote.add("Open"));
    expect(await settled(remote.canAdd(["Locked"]))).toMatchObject({ result: "canceled" });
    expect(await settled(remote.canRemove("Open"))).toEqual({ result: "executed" });
    await remote.close();
  });

  it("calls functions of the root over any number of hops, with typed errors", async () => {
    const { root, remote } = await setUp();
    const calls = {
      manifest: async ({ flight }: { flight: number }) => ({ flight, bags: flight * 2 }),
      nothing: () => {},
      refuse: () => {
        throw new CallError("failed_precondition", "The door is locked");
      },
      fail: () => {
        throw new Error("a secret");
      },
    };
    root.machine.serve(calls);
    const manifest = await settled(
      remote.withCalls<typeof calls>().call("manifest", { flight: 3 }),
    );
    expect(manifest).toEqual({ flight: 3, bags: 6 });
    expect(await settled(remote.call("nothing"))).toBeUndefined();
    await expect(settled(remote.call("refuse"))).rejects.toMatchObject({
      code: "failed_precondition",
      message: "The door is locked",
    });
    await expect(settled(remote.call("fail"))).rejects.toMatchObject({
      code: "internal",
      message: 'Cannot run "fail": it failed',
    });
    await expect(settled(remote.call("manifets"))).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining('the nearest known are "manifest"'),
    });
    await remote.close();
  });

  it("binds final handlers, waits and reads as a replica machine does", async () => {
    const { root, remote } = await setUp();
    const seen: string[] = [];
    remote.handle({ OpenState: ({ name }) => void seen.push(name) });
    const opened = remote.when("Open");
    root.machine.add("Open");
    await settled(opened);
    await tree.time.advance(1);
    expect(seen).toEqual(["OpenState"]);
    expect(remote.toString()).toContain("Open:1");
    await remote.close();
  });

  it("closes with `await using`, and leaves no timer and no stream", async () => {
    const { root, remote } = await setUp();
    {
      await using closing = remote;
      expect(closing.status).toBe("live");
    }
    expect(remote.status).toBe("closed");
    await expect(remote.whenVersion(root.clock.version)).resolves.toBeUndefined();
    await tree.close();
    expect(tree.time.pending).toBe(0);
  });

  it("rejects with the reason when no node can be reached in time, and closes what it opened", async () => {
    let closed = 0;
    const connecting = connectOver(() => ({ transport, close: async () => void closed++ }), {
      addresses: ["nowhere:1", "neither:2"],
      timeoutMs: 2_000,
      time: tree.time,
    });
    await expect(settled(connecting)).rejects.toThrow(
      /^Cannot connect to nowhere:1, neither:2 within 2000 ms: Cannot reach /,
    );
    expect(closed).toBe(1);
    expect(tree.time.pending).toBe(0);
  });

  it.each<[unknown, RegExp]>([
    [42, /^Cannot connect to 42: it is not an address such as/],
    [[], /list of addresses is empty/],
    ["localhost", /"localhost": it is not host:port/],
    [["a:1", ""], /"": it is not host:port/],
    [{ addresses: "a:1", timeout: 1 }, /Cannot use option "timeout": the options are addresses/],
  ])("refuses %j", async (target, message) => {
    const connecting = connectOver(() => ({ transport: fetch as never }), target as never);
    await expect(connecting).rejects.toThrow(message);
    await expect(connecting).rejects.toBeInstanceOf(TypeError);
  });

  it("takes a node's own address, and tries a list in its order", async () => {
    tree.root();
    const seen: string[] = [];
    transport = (request, init) => {
      seen.push(new URL(request.url).host);
      return tree.network.transport(request, init);
    };
    const remote = await settled(
      connectOver<State>(() => ({ transport: (...args) => transport(...args) }), {
        addresses: [{ host: "::1", port: 19_700 }, "nowhere:1", "http://root"],
        time: tree.time,
      }),
    );
    expect(remote.address).toBe("http://root");
    expect(seen.slice(0, 3)).toEqual(["[::1]:19700", "nowhere:1", "root"]);
    await remote.close();
  });
});
