/** A stock Connect client of the replication server: code generated from proto/, none of this project. */

import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  MutationResult,
  MutationType,
  StateSourceService,
  type SubscribeResponse,
} from "../../gen/connect/statesource/v1/statesource_pb.js";
import { schema, stateNames } from "../flights/mod.ts";
import { createMachine, type Machine } from "../machine/mod.ts";
import {
  createReplicationServer,
  createSource,
  type Mutate,
  Publisher,
  ReplicationError,
} from "../replication/mod.ts";
import { StockReplica } from "../testing/stock_replica.ts";
import { listenHttp2 } from "./http2_server.ts";

/** Creates the transport of a client. */
type Connect = (baseUrl: string) => Transport;

const connectHttp2: Connect = (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" });

describe("A stock Connect client", () => {
  async function setUp(options: { mutate?: Mutate; connect?: Connect } = {}) {
    const machine = createMachine(schema, {
      id: "flights",
      states: stateNames,
    }) as unknown as Machine;
    const source = createSource(machine);
    const closed = Promise.withResolvers<string>();
    const publisher = new Publisher(source.clock, {
      name: "root",
      machineId: machine.id,
      heartbeatIntervalMs: 50,
      tracer: { downstreamClosed: (name) => closed.resolve(name) },
    });
    const listener = await listenHttp2(
      createReplicationServer({
        publisher,
        mutate: options.mutate ?? (async (request) => source.mutate(request)),
      }),
      { host: "127.0.0.1", port: 0 },
    );
    onTestFinished(async () => {
      publisher.close();
      await listener.close(0);
    });
    const baseUrl = `http://127.0.0.1:${listener.port}`;
    const client = createClient(StateSourceService, (options.connect ?? connectHttp2)(baseUrl));
    return { machine, source, publisher, client, downstreamClosed: closed.promise };
  }

  /** Applies messages until the replica is at `seq`. Resolves with the kinds of the messages. */
  async function follow(
    replica: StockReplica,
    messages: AsyncIterator<SubscribeResponse>,
    seq: number,
  ): Promise<string[]> {
    const kinds: string[] = [];
    do {
      const { done, value } = await messages.next();
      if (done) throw new Error("The stream ended");
      kinds.push(replica.apply(value));
    } while (replica.seq < BigInt(seq));
    return kinds;
  }

  async function codeOf(call: Promise<unknown>): Promise<string> {
    const error = await call.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(ConnectError);
    return Code[(error as ConnectError).code];
  }

  describe("that subscribes", () => {
    it("receives the clock, each change with a checksum that proves it, and heartbeats", async () => {
      const { machine, source, client } = await setUp();
      machine.add(["Flight1Outbound", "Flight2Inbound"]);
      const messages = client.subscribe({ name: "stock" })[Symbol.asyncIterator]();
      const replica = new StockReplica();
      expect(await follow(replica, messages, 1)).toEqual(["start"]);
      expect(replica.path).toEqual(["root"]);
      expect(replica.names).toEqual(stateNames);
      expect(replica.activeStates().sort()).toEqual(machine.activeStates().sort());

      for (let i = 0; i < 200; i++) {
        machine.toggle([stateNames[(i * 37) % stateNames.length]!]);
        if (i % 10 === 0) await follow(replica, messages, source.clock.seq);
      }
      await follow(replica, messages, source.clock.seq);
      expect(replica.ticks).toEqual(Array.from(machine.ticks, BigInt));
      expect(replica.seq).toBeGreaterThan(100n);
      expect(await follow(replica, messages, 0)).toEqual(["heartbeat"]);
    });

    it("resumes from its own seq, with the schema hash that SPEC.md describes", async () => {
      const { machine, source, client } = await setUp();
      const replica = new StockReplica();
      const first = new AbortController();
      const before = client.subscribe({ name: "stock" }, { signal: first.signal });
      await follow(replica, before[Symbol.asyncIterator](), 0);
      first.abort();
      machine.add("Flight3Inbound");
      const again = client.subscribe({
        name: "stock",
        epoch: replica.epoch,
        seq: replica.seq,
        schemaHash: replica.schemaHash,
      });
      const { value } = await again[Symbol.asyncIterator]().next();
      expect(value.start).toMatchObject({ isSnapshot: false, ticks: [], path: ["root"] });
      expect(value.start?.schema).toBeUndefined();
      expect(value.changes.length).toBeGreaterThan(0);
      replica.apply(value);
      expect(replica.ticks).toEqual(Array.from(machine.ticks, BigInt));
      expect(replica.seq).toBe(BigInt(source.clock.seq));
    });

    it("receives the states that it selects, with a checksum over only these, and resumes", async () => {
      const { machine, source, client } = await setUp();
      machine.add("Start");
      const selection = { names: ["Start"], prefixes: ["Flight2Gate"] };
      const replica = new StockReplica(selection);
      const first = new AbortController();
      const before = client.subscribe({ name: "stock", selection }, { signal: first.signal });
      const messages = before[Symbol.asyncIterator]();
      await follow(replica, messages, source.clock.seq);
      expect(replica.names).toEqual(
        stateNames.filter((name) => name === "Start" || name.startsWith("Flight2Gate")),
      );
      machine.add(["Flight2Gate4", "Flight1Delayed"]);
      expect(await follow(replica, messages, source.clock.seq)).toContain("diff");
      machine.add("Flight3Delayed");
      const kinds = await follow(replica, messages, source.clock.seq);
      expect(new Set(kinds)).toEqual(new Set(["heartbeat"]));
      first.abort();
      machine.add("Flight2Gate5");
      const { epoch, seq, schemaHash } = replica;
      const again = client.subscribe({ name: "stock", selection, epoch, seq, schemaHash });
      const { value } = await again[Symbol.asyncIterator]().next();
      expect(value.start).toMatchObject({ isSnapshot: false, ticks: [] });
      expect(value.start?.schema).toBeUndefined();
      replica.apply(value);
      expect(replica.activeStates()).toEqual(
        replica.names.filter((name) => machine.is(name as never)),
      );
      expect(replica.activeStates()).toContain("Flight2Gate5");
    });

    it("receives invalid_argument for unknown names, with the nearest names", async () => {
      const { client } = await setUp();
      const selection = { names: ["Flight2Delayd"] };
      const messages = client.subscribe({ name: "stock", selection })[Symbol.asyncIterator]();
      const end = messages.next();
      expect(await codeOf(end)).toBe("InvalidArgument");
      await expect(end).rejects.toThrow(/the nearest known: Flight2Delayed/);
      const empty = client.subscribe({ name: "stock", selection: {} })[Symbol.asyncIterator]();
      expect(await codeOf(empty.next())).toBe("InvalidArgument");
    });

    it.each([
      ["aborts", "Canceled"],
      ["reaches its deadline", "DeadlineExceeded"],
      ["loses its connection", "Canceled"],
    ])("frees its place when it %s", async (how, code) => {
      let loseConnection = () => {};
      const { client, publisher, downstreamClosed } = await setUp({
        connect(baseUrl) {
          const sessionManager = new Http2SessionManager(baseUrl);
          loseConnection = () => sessionManager.abort();
          return createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
        },
      });
      const abort = new AbortController();
      const read = (async () => {
        const options = how === "reaches its deadline" ? { timeoutMs: 400 } : {};
        const stream = client.subscribe({ name: "stock" }, { signal: abort.signal, ...options });
        for await (const message of stream) {
          expect(message.checksum).toBeGreaterThan(0);
          expect(publisher.downstreams.size).toBe(1);
          if (how === "aborts") abort.abort();
          if (how === "loses its connection") loseConnection();
        }
      })();
      expect(await codeOf(read)).toBe(code);
      expect(await downstreamClosed).toBe("stock");
      expect(publisher.downstreams.size).toBe(0);
    });

    it("receives a Connect code with the reason for the end of its stream", async () => {
      const { client, publisher } = await setUp();
      const messages = client.subscribe({ name: "stock" })[Symbol.asyncIterator]();
      await messages.next();
      publisher.close(new ReplicationError("unavailable", "Node is stopping"));
      const end = (async () => {
        while (!(await messages.next()).done);
      })();
      expect(await codeOf(end)).toBe("Unavailable");
      await expect(end).rejects.toThrow("Node is stopping");
    });

    it("receives invalid_argument without a name, and with half an epoch", async () => {
      const { client } = await setUp();
      for (const request of [{}, { name: "stock", epoch: Uint8Array.of(1) }]) {
        const messages = client.subscribe(request)[Symbol.asyncIterator]();
        expect(await codeOf(messages.next())).toBe("InvalidArgument");
      }
    });
  });

  describe("that mutates", () => {
    it("receives the result and the version at which it holds, and may repeat the request", async () => {
      const { client, machine, source } = await setUp();
      const request = {
        type: MutationType.ADD,
        states: ["Flight1Delayed"],
        argsJson: '{"minutes":5}',
        idempotencyKey: "once",
      };
      const response = await client.mutate(request);
      expect(response.result).toBe(MutationResult.EXECUTED);
      expect(machine.is("Flight1Delayed")).toBe(true);
      expect(`${Buffer.from(response.epoch).toString("hex")}-${response.seq}`).toBe(
        source.clock.version,
      );
      machine.remove("Flight1Delayed");
      expect(await client.mutate(request)).toEqual(response);
      expect(machine.is("Flight1Delayed")).toBe(false);
    });

    it("receives the reason of a canceled mutation", async () => {
      const { client } = await setUp();
      const response = await client.mutate({
        type: MutationType.ADD,
        states: ["Flight1GoToGate"],
      });
      expect(response.result).toBe(MutationResult.CANCELED);
      expect(response.rejected).toMatchObject({
        state: "Flight1GoToGate",
        by: expect.stringContaining("Flight1Outbound"),
      });
    });

    it("receives invalid_argument for an unknown state, with its name, and for no type", async () => {
      const { client } = await setUp();
      const call = client.mutate({ type: MutationType.SET, states: ["Flight1Delaid"] });
      expect(await codeOf(call)).toBe("InvalidArgument");
      await expect(call).rejects.toThrow("Flight1Delaid");
      expect(await codeOf(client.mutate({ states: ["Flight1Delayed"] }))).toBe("InvalidArgument");
    });

    it("receives deadline_exceeded at its deadline, and the mutation is aborted", async () => {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const { client } = await setUp({
        mutate: (_, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener("abort", () => {
              resolve();
              reject(signal.reason);
            });
          }),
      });
      const call = client.mutate({ type: MutationType.ADD, states: ["Start"] }, { timeoutMs: 300 });
      expect(await codeOf(call)).toBe("DeadlineExceeded");
      await aborted;
    });

    it("receives resource_exhausted for a request over the limit", async () => {
      const { client } = await setUp();
      const call = client.mutate({
        type: MutationType.ADD,
        states: ["Start"],
        argsJson: `{"text":"${"x".repeat(70_000)}"}`,
      });
      expect(await codeOf(call)).toBe("ResourceExhausted");
    });

    it("receives only internal for an unexpected error", async () => {
      const { client } = await setUp({ mutate: () => Promise.reject(new Error("secret")) });
      const call = client.mutate({ type: MutationType.ADD, states: ["Start"] });
      expect(await codeOf(call)).toBe("Internal");
      await expect(call).rejects.not.toThrow("secret");
    });
  });

  describe("that uses an unsupported feature", () => {
    const MUTATION = { type: MutationType.ADD, states: ["Start"] };

    it("receives unimplemented for compressed requests", async () => {
      const { client } = await setUp({
        connect: (baseUrl) =>
          createConnectTransport({
            baseUrl,
            httpVersion: "2",
            sendCompression: compressionGzip,
            compressMinBytes: 0,
          }),
      });
      expect(await codeOf(client.mutate(MUTATION))).toBe("Unimplemented");
      const messages = client.subscribe({ name: "stock" })[Symbol.asyncIterator]();
      expect(await codeOf(messages.next())).toBe("Unimplemented");
    });

    it.each<[string, Connect]>([
      [
        "JSON",
        (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
      ],
      ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
    ])("receives HTTP status 415 for %s", async (_, connect) => {
      const { machine, client } = await setUp({ connect });
      await expect(client.mutate(MUTATION)).rejects.toThrow("HTTP 415");
      const messages = client.subscribe({ name: "stock" })[Symbol.asyncIterator]();
      await expect(messages.next()).rejects.toThrow("HTTP 415");
      expect(machine.is("Start")).toBe(false);
    });
  });
});
