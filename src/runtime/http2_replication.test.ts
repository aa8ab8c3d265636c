import { describe, expect, it, onTestFinished } from "vitest";
import { createMachine, defineSchema, type Machine } from "../machine/mod.ts";
import {
  createReplicationServer,
  createSource,
  Publisher,
  Replica,
  type VersionedClock,
} from "../replication/mod.ts";
import { TcpProxy } from "../testing/faults/mod.ts";
import { createHttp2Transport } from "./http2_client.ts";
import { listenHttp2 } from "./http2_server.ts";

const SCHEMA = defineSchema({ A: {}, B: { require: ["A"] } });

describe("Replication over HTTP/2", () => {
  async function startRoot(port = 0) {
    const machine = createMachine(SCHEMA, { id: "m" }) as unknown as Machine;
    const source = createSource(machine);
    const publisher = new Publisher(source.clock, {
      name: "root",
      machineId: "m",
      heartbeatIntervalMs: 100,
    });
    const listener = await listenHttp2(
      createReplicationServer({ publisher, mutate: async (request) => source.mutate(request) }),
      { host: "127.0.0.1", port },
    );
    const close = async () => {
      publisher.close();
      await listener.close(0);
    };
    onTestFinished(close);
    return { machine, clock: source.clock, port: listener.port, close };
  }

  function startReplica(port: number) {
    const transport = createHttp2Transport({ pingTimeoutMs: 100 });
    const replica = new Replica({
      name: "leaf",
      addresses: [`127.0.0.1:${port}`],
      transport: transport.fetch,
      backoff: { minMs: 5, maxMs: 20 },
    });
    onTestFinished(async () => {
      await replica.close();
      await transport.close();
    });
    replica.start();
    return replica;
  }

  it("subscribes, mutates, and follows a restarted root into its new epoch", async () => {
    const first = await startRoot();
    const replica = startReplica(first.port);
    await untilEqual(replica.clock, first.clock);
    const options = { signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 };
    const response = await replica.mutate({ type: "add", states: ["A"] }, options);
    expect(response).toEqual({ result: "executed", version: first.clock.version });
    await untilEqual(replica.clock, first.clock);
    expect(replica.clock.activeStates()).toEqual(["A"]);

    await first.close();
    const second = await startRoot(first.port);
    await untilEqual(replica.clock, second.clock);
    expect(replica.clock.epoch).not.toBe(first.clock.epoch);
    second.machine.add(["A", "B"]);
    await untilEqual(replica.clock, second.clock);
    expect(replica.clock.activeStates()).toEqual(["A", "B"]);
  });

  it("replaces a connection whose peer has vanished, and resumes", async () => {
    const root = await startRoot();
    const proxy = await TcpProxy.listen(root.port);
    onTestFinished(() => proxy.close());
    const replica = startReplica(proxy.port);
    await untilEqual(replica.clock, root.clock);
    proxy.strand();
    root.machine.add("A");
    await untilEqual(replica.clock, root.clock);
    expect(replica.lastError?.code).toBe("unavailable");
    expect(replica.reconnects).toBeGreaterThanOrEqual(1);
    expect(replica.resyncs.size).toBe(0);
    expect(proxy.attempts).toBeGreaterThanOrEqual(2);
  });
});

/** Resolves when `clock` has the version of `other`. */
function untilEqual(clock: VersionedClock, other: VersionedClock): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (clock.version !== other.version) return;
      stop();
      resolve();
    };
    const stop = clock.onChange(look);
    look();
  });
}
