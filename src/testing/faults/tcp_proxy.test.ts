import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { VirtualTime } from "../virtual_time.ts";
import { TcpProxy, type TcpProxyOptions } from "./tcp_proxy.ts";
import { until } from "./until.ts";

describe("TcpProxy", () => {
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A server behind a proxy; records what each side of each connection received and how it ended. */
  async function setUp(options: TcpProxyOptions = {}) {
    const accepted: Side[] = [];
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(new Side(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = await TcpProxy.listen((server.address() as { port: number }).port, options);
    const sides: Side[] = [];
    ends.push(async () => {
      for (const { socket } of [...sides, ...accepted]) socket.destroy();
      await proxy.close();
      server.close();
    });
    return {
      proxy,
      accepted,
      /** Both ends of a new connection. */
      async connect() {
        const client = new Side(
          connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }),
        );
        sides.push(client);
        const before = accepted.length;
        await once(client.socket, "connect");
        const far = await until("the connection at the server", () => accepted[before]);
        return { client, far };
      },
      /** A connection without expectations. */
      knock() {
        const client = new Side(connect({ port: proxy.port, host: "127.0.0.1" }));
        sides.push(client);
        return client;
      },
    };
  }

  it("forwards bytes both ways, and the end of each side separately", async () => {
    const { proxy, connect } = await setUp();
    const { client, far } = await connect();
    client.socket.write("ping");
    await until("the ping", () => far.text === "ping");
    client.socket.end();
    await until("the client's end", () => far.end === "fin");
    far.socket.end("pong");
    await until("the server's end", () => client.end === "fin");
    expect(client.text).toBe("pong");
    expect(proxy.bytes).toEqual({ to_client: 4, to_server: 4 });
    await until("the end of the connection", () => proxy.open === 0);
    expect(proxy.attempts).toBe(1);
  });

  it("forwards a reset as a reset", async () => {
    const { connect } = await setUp();
    const { client, far } = await connect();
    client.socket.resetAndDestroy();
    await until("the reset", () => far.end === "rst");
  });

  it("cuts by FIN and by RST", async () => {
    const { proxy, connect } = await setUp();
    for (const how of ["fin", "rst"] as const) {
      const { client, far } = await connect();
      proxy.cut(how);
      await until(`${how} at both sides`, () => client.end === how && far.end === how);
    }
    const { client, far } = await connect();
    client.socket.write("again");
    await until("bytes on a new connection", () => far.text === "again");
  });

  it("holds what one direction sends until it heals, and neither side notices", async () => {
    const { proxy, connect } = await setUp();
    const { client, far } = await connect();
    proxy.blackHole(["to_client"]);
    const later = await connect();
    for (const side of [far, later.far]) side.socket.end("held");
    for (const side of [client, later.client]) side.socket.write("passed");
    await until("the other direction", () => far.text === "passed" && later.far.text === "passed");
    expect([client.text, client.end, later.client.text]).toEqual(["", undefined, ""]);
    proxy.heal();
    for (const side of [client, later.client])
      await until("the held bytes", () => side.text === "held" && side.end === "fin");
  });

  it("blocks existing connections forever, and forwards new ones", async () => {
    const { proxy, connect } = await setUp();
    const old = await connect();
    proxy.strand();
    old.client.socket.write("lost");
    proxy.heal();
    const { client, far } = await connect();
    client.socket.write("passed");
    await until("bytes on the new connection", () => far.text === "passed");
    expect(old.far.text).toBe("");
    expect(old.far.end).toBe(undefined);
  });

  it("resets new connections while it refuses, or while there is no server", async () => {
    const { proxy, connect, knock, accepted } = await setUp();
    const { client, far } = await connect();
    proxy.refuse();
    const refused = knock();
    await until("the reset", () => refused.end === "rst");
    client.socket.write("still here");
    await until("bytes on the old connection", () => far.text === "still here");
    expect(accepted).toHaveLength(1);
    expect(proxy.attempts).toBe(2);
    proxy.heal();
    await connect();

    const nowhere = await TcpProxy.listen(() => undefined);
    ends.push(() => nowhere.close());
    const side = new Side(connectTo(nowhere.port));
    await until("the reset of a connection without a server", () => side.end === "rst");
  });

  it("delays by a fixed and a random time, in order", async () => {
    const time = new VirtualTime();
    const randoms = [0.99, 0];
    const { proxy, connect } = await setUp({ time, random: () => randoms.shift() ?? 0 });
    const { client, far } = await connect();
    proxy.shape({ delayMs: 200, jitterMs: 100 }, ["to_server"]);
    client.socket.write("slow ");
    await until("the first piece's timer", () => time.pending === 1);
    await time.advance(10);
    client.socket.write("quick");
    far.socket.write("undelayed");
    await until("the other direction", () => client.text === "undelayed");
    await time.advance(288);
    expect(far.text).toBe("");
    expect(proxy.waiting).toEqual({ to_client: 0, to_server: 10 });
    await time.advance(1);
    // The second is due at 210 ms, but does not overtake the first.
    await until("both pieces", () => far.text === "slow quick");
  });

  it("throttles to a number of bytes a second, and stops reading when there is no room", async () => {
    const time = new VirtualTime();
    const { proxy, connect } = await setUp({ time });
    const { client, far } = await connect();
    proxy.shape({ bytesPerSecond: 14_600 }, ["to_client"]);
    const sent = 8 * 1024 * 1024;
    far.socket.write(new Uint8Array(sent));
    await until("the first piece", () => client.bytes > 0);
    // A tenth of a second for each piece of 1,460 bytes.
    await time.advance(1_000);
    await until("eleven pieces", () => client.bytes >= 11 * 1_460);
    expect(client.bytes).toBe(11 * 1_460);
    expect(proxy.bytes.to_client).toBe(11 * 1_460);
    expect(far.socket.writableLength).toBeGreaterThan(0);
    proxy.heal();
    await until("all", () => client.bytes === sent);
  });
});

function connectTo(port: number): Socket {
  return connect({ port, host: "127.0.0.1" });
}

/** One end of a connection. */
class Side {
  readonly socket: Socket;
  text = "";
  bytes = 0;
  end: "fin" | "rst" | undefined = undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data) => {
      this.bytes += data.length;
      if (this.text.length < 1_000) this.text += data;
    });
    socket.on("end", () => {
      this.end ??= "fin";
    });
    socket.on("error", () => {
      this.end = "rst";
    });
  }
}
