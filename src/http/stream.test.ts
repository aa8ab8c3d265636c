import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createFakeApi,
  createFakeNode,
  EPOCH,
  type FakeNode,
  OTHER_EPOCH,
} from "../testing/fake_node.ts";
import { createHttpApi } from "./http_api.ts";
import type { HttpApiOptions } from "./mod.ts";

const RETRY = "retry: 1000\n\n";

/** Opens a stream and reads its retry field; `next()` reads the next chunk, which is one event or comment. */
async function open(
  node: FakeNode,
  headers: Record<string, string> = {},
  options: HttpApiOptions = {},
) {
  const client = new AbortController();
  const app = createHttpApi(node, options);
  const response = await app.request("/states/stream", { headers, signal: client.signal });
  const reader = response.body!.getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  expect(await next()).toBe(RETRY);
  return { app, response, reader, next, client };
}

/** An event's fields, its data parsed. */
function parseEvent(text: string | undefined) {
  const match = /^event: (\w+)\nid: (\S+)\ndata: (.*)\n\n$/.exec(text ?? "");
  return { event: match?.[1], id: match?.[2], data: JSON.parse(match?.[3] ?? "null") };
}

describe("GET /states/stream", () => {
  it("starts with a snapshot, as an event stream without caching", async () => {
    const { response, next } = await open(createFakeNode());
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("machine-age-ms")).toBe("13");
    expect(await next()).toBe(
      `event: snapshot\nid: ${EPOCH}-7\ndata: {"machine":"flights","node":"rep-1-1",` +
        `"version":"${EPOCH}-7","time":8,"clocks":` +
        `{"Exception":2,"Start":1,"Ready":0,"Flight1Delayed":3,"Flight1OnTime":2}}\n\n`,
    );
  });

  it("sends one event per version, even when several arrive at once", async () => {
    const node = createFakeNode();
    const { next } = await open(node);
    await next();
    node.advance({ Start: 2 });
    node.advance({ Ready: 1, Flight1Delayed: 4 });
    expect(await next()).toBe(
      `event: diff\nid: ${EPOCH}-8\ndata: {"machine":"flights","node":"rep-1-1",` +
        `"version":"${EPOCH}-8","time":9,"since":"${EPOCH}-7","clocks":{"Start":2}}\n\n`,
    );
    expect(parseEvent(await next())).toMatchObject({
      id: `${EPOCH}-9`,
      data: { since: `${EPOCH}-8`, clocks: { Ready: 1, Flight1Delayed: 4 } },
    });
  });

  it("lists changed states in schema order", async () => {
    const node = createFakeNode();
    const { next } = await open(node);
    await next();
    node.advance({ Flight1OnTime: 3, Exception: 3, Ready: 1 });
    expect(await next()).toContain(`"clocks":{"Exception":3,"Ready":1,"Flight1OnTime":3}`);
  });

  it("resumes from Last-Event-ID with one merged diff", async () => {
    const node = createFakeNode();
    node.advance({ Start: 2 });
    node.advance({ Start: 3, Ready: 1 });
    const { next } = await open(node, { "last-event-id": `${EPOCH}-7` });
    expect(parseEvent(await next())).toMatchObject({
      event: "diff",
      id: `${EPOCH}-9`,
      data: { since: `${EPOCH}-7`, clocks: { Start: 3, Ready: 1 } },
    });
  });

  it("sends nothing at first to a reader that has the version", async () => {
    const node = createFakeNode();
    const { next } = await open(node, { "last-event-id": `${EPOCH}-7` });
    const pending = next();
    node.advance({ Start: 2 });
    expect(parseEvent(await pending)).toMatchObject({ event: "diff", id: `${EPOCH}-8` });
  });

  it("sends nothing to a reader that is ahead until this node has passed it", async () => {
    const node = createFakeNode();
    const { next } = await open(node, { "last-event-id": `${EPOCH}-9` });
    const pending = next();
    node.advance({ Start: 2 });
    node.reset([2, 2, 0, 3, 2], 8);
    node.advance({ Start: 3 });
    node.advance({ Ready: 1 });
    expect(parseEvent(await pending)).toMatchObject({
      id: `${EPOCH}-10`,
      data: { since: `${EPOCH}-9`, clocks: { Ready: 1 } },
    });
  });

  it.each([`${OTHER_EPOCH}-7`, "7", "nonsense", `"${EPOCH}-7"`])(
    "sends a snapshot to a reader with the id %s",
    async (id) => {
      const { next } = await open(createFakeNode(), { "last-event-id": id });
      expect(parseEvent(await next())).toMatchObject({ event: "snapshot", id: `${EPOCH}-7` });
    },
  );

  it("sends a snapshot when the epoch changes or the node resyncs", async () => {
    const node = createFakeNode();
    const { next } = await open(node);
    await next();
    node.reset([1], 1, OTHER_EPOCH);
    expect(parseEvent(await next())).toMatchObject({ event: "snapshot", id: `${OTHER_EPOCH}-1` });
    node.reset([3], 1, OTHER_EPOCH);
    expect(parseEvent(await next())).toMatchObject({
      event: "snapshot",
      data: { clocks: { Exception: 3 } },
    });
  });

  it("merges what a slow reader misses, and buffers a bounded number of bytes", async () => {
    const node = createFakeNode();
    const response = await createHttpApi(node, { streamBufferBytes: 600 }).request(
      "/states/stream",
    );
    const count = 10_000;
    for (let i = 1; i <= count; i++) {
      node.advance(i % 2 === 0 ? { Start: 2 * i } : { Ready: 2 * i });
      if (i % 100 === 0) await node.time.advance(15_000);
    }
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = 0;
    let text = "";
    while (!text.includes(`${EPOCH}-${7 + count}`)) {
      text = (await reader.read()).value!;
      waiting += text.length;
    }
    expect(waiting).toBeLessThan(1500);
    expect(parseEvent(text).data).toMatchObject({ clocks: { Start: 20_000, Ready: 19_998 } });
  });

  it("brings a reader that applies its events to the node's clock, after any losses", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ type: fc.constant("advance"), state: fc.nat(4) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("reset"), state: fc.nat(4) }) },
      { weight: 4, arbitrary: fc.record({ type: fc.constant("read"), state: fc.nat(4) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant("reconnect"), state: fc.nat(4) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(800), async (steps, buffer) => {
        const { node, app } = createFakeApi({ streamBufferBytes: buffer + 1 });
        const known: Record<string, number> = {};
        let id = "";
        let epochs = 0;
        const connect = async () => {
          const response = await app.request("/states/stream", {
            headers: { "last-event-id": id },
          });
          return response.body!.pipeThrough(new TextDecoderStream()).getReader();
        };
        let reader = await connect();
        const readOne = async (): Promise<void> => {
          const { value } = await reader.read();
          if (value === undefined || value === RETRY) return;
          const { event, id: eventId, data } = parseEvent(value);
          // A diff must start at the version of the reader.
          if (event === "diff") expect(data.since).toBe(id);
          Object.assign(known, data.clocks);
          id = eventId!;
        };
        await readOne();
        for (const { type, state } of steps) {
          if (type === "advance") {
            const name = node.clock.names[state]!;
            node.advance({ [name]: node.clock.ticks[state]! + 1 });
          } else if (type === "reset") {
            node.reset([state], state, String(++epochs).padStart(16, "0"));
          } else if (type === "reconnect") {
            await reader.cancel();
            reader = await connect();
            await readOne();
          } else if (id !== node.clock.version) {
            await readOne();
          }
        }
        while (id !== node.clock.version) await readOne();
        const clocks = (await (await app.request("/clocks")).json()) as { clocks: object };
        expect(known).toEqual(clocks.clocks);
        await reader.cancel();
      }),
    );
  });

  it("shares the encoding of an event between readers, and sends the right one to each", async () => {
    const { node, app } = createFakeApi();
    let visits = 0;
    const { forEachChangedSince } = node.clock;
    node.clock.forEachChangedSince = (seq, visit) => {
      visits++;
      forEachChangedSince.call(node.clock, seq, visit);
    };
    node.advance({ Start: 2 });
    const readers = await Promise.all(
      [7, 8, 8, 8].map(async (seq) => {
        const headers = { "last-event-id": `${EPOCH}-${seq}` };
        const { body } = await app.request("/states/stream", { headers });
        return body!.pipeThrough(new TextDecoderStream()).getReader();
      }),
    );
    node.advance({ Ready: 1 });
    expect(visits).toBe(2);
    for (const reader of readers) expect((await reader.read()).value).toBe(RETRY);
    expect(parseEvent((await readers[0]!.read()).value).id).toBe(`${EPOCH}-8`);
    for (const reader of readers) {
      expect(parseEvent((await reader.read()).value)).toMatchObject({
        id: `${EPOCH}-9`,
        data: { since: `${EPOCH}-8`, clocks: { Ready: 1 } },
      });
    }
  });

  it("sends comments with the age while nothing changes", async () => {
    const node = createFakeNode();
    const { next } = await open(node, {}, { streamHeartbeatIntervalMs: 500 });
    await next();
    await node.time.advance(499);
    node.age = 499.5;
    await node.time.advance(1);
    expect(await next()).toBe(": age-ms 500\n\n");
    await node.time.advance(500);
    expect(await next()).toBe(": age-ms 500\n\n");
  });

  it.each(["the client aborts", "the reader cancels", "the node drains", "the node shuts down"])(
    "ends and leaves nothing behind when %s",
    async (how) => {
      const node = createFakeNode();
      const [close, drain] = [new AbortController(), new AbortController()];
      let listeners = 0;
      const { onChange } = node.clock;
      node.clock.onChange = (listener) => {
        listeners++;
        const remove = onChange.call(node.clock, listener);
        return () => {
          listeners--;
          remove();
        };
      };
      const { app, reader, client } = await open(
        node,
        {},
        { signal: close.signal, draining: drain.signal, maxStreams: 1 },
      );
      const during = listeners;
      expect((await app.request("/states/stream")).status).toBe(503);
      if (how === "the client aborts") client.abort();
      else if (how === "the reader cancels") await reader.cancel();
      else (how === "the node drains" ? drain : close).abort();
      while (!(await reader.read()).done);
      expect(listeners).toBe(during - 1);
      expect(node.time.pending).toBe(0);
      node.advance({ Start: 2 });
      if (how.startsWith("the node")) return;
      expect((await app.request("/states/stream")).status).toBe(200);
    },
  );

  it("ends at once when the node is already shut down", async () => {
    const node = createFakeNode();
    const { reader } = await open(node, {}, { signal: AbortSignal.abort() });
    while (!(await reader.read()).done);
    expect(node.time.pending).toBe(0);
  });

  it("responds to HEAD without opening a stream", async () => {
    const node = createFakeNode();
    const response = await createHttpApi(node).request("/states/stream", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(node.time.pending).toBe(0);
  });

  it("refuses one stream more than the limit, until another ends", async () => {
    const { app } = createFakeApi({ maxStreams: 2 });
    const streams = [await app.request("/states/stream"), await app.request("/states/stream")];
    const refused = await app.request("/states/stream");
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({
      type: "urn:tree-state-source:problem:too-many-streams",
    });
    await streams[0]!.body!.cancel();
    expect((await app.request("/states/stream")).status).toBe(200);
  });

  it("shows nothing before the first sync", async () => {
    const node = createFakeNode();
    node.age = Infinity;
    expect((await createHttpApi(node).request("/states/stream")).status).toBe(503);
  });
});
