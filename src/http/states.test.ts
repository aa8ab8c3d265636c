import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createFakeApi,
  createFakeNode,
  EPOCH,
  FakeNode,
  OTHER_EPOCH,
} from "../testing/fake_node.ts";
import { createHttpApi } from "./http_api.ts";

const VERSION = `${EPOCH}-7`;

describe("GET /states", () => {
  it("shows the active states in schema order, with freshness and entity tag", async () => {
    const { get } = createFakeApi();
    const response = await get("/states");
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "cache-control": "no-cache",
      "content-length": "114",
      "content-type": "application/json",
      etag: `"${VERSION}"`,
      "machine-age-ms": "13",
      vary: "accept",
      "x-content-type-options": "nosniff",
    });
    expect(await response.text()).toBe(
      `{"machine":"flights","node":"rep-1-1","version":"${VERSION}","time":8,"states":["Start","Flight1Delayed"]}`,
    );
  });

  it("lists one name per line as text", async () => {
    const { get, node } = createFakeApi();
    const response = await get("/states", { accept: "text/plain" });
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("vary")).toBe("accept");
    expect(response.headers.get("etag")).toBe(`"${VERSION}"`);
    expect(await response.text()).toBe("Start\nFlight1Delayed\n");
    node.advance({ Start: 2, Flight1Delayed: 4 });
    expect(await (await get("/states", { accept: "text/plain" })).text()).toBe("");
  });

  it("refuses other media types", async () => {
    const { get } = createFakeApi();
    const response = await get("/states", { accept: "image/png" });
    expect(response.status).toBe(406);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("vary")).toBe("accept");
    expect(await response.json()).toEqual({
      type: "urn:tree-state-source:problem:not-acceptable",
      title: "None of the accepted media types is available",
      status: 406,
      detail: 'Cannot send "image/png": available are application/json and text/plain',
      instance: "/states",
      available: ["application/json", "text/plain"],
    });
  });

  it("filters names by prefix, as JSON and as text", async () => {
    const { get } = createFakeApi();
    expect(await (await get("/states?prefix=Flight")).json()).toMatchObject({
      version: VERSION,
      time: 8,
      states: ["Flight1Delayed"],
    });
    const text = await get("/states?prefix=St", { accept: "text/plain" });
    expect(await text.text()).toBe("Start\n");
    expect(await (await get("/states?prefix=Nope")).json()).toMatchObject({ states: [] });
    expect(await (await get("/states?prefix=")).json()).toMatchObject({
      states: ["Start", "Flight1Delayed"],
    });
  });

  it("responds with 304 to a client that has the version, with the age and without a body", async () => {
    const { get, node } = createFakeApi();
    for (const header of [`"${VERSION}"`, `"x", W/"${VERSION}"`, "*"]) {
      const response = await get("/states", { "if-none-match": header });
      expect(response.status).toBe(304);
      expect(await response.text()).toBe("");
      expect(response.headers.get("machine-age-ms")).toBe("13");
      expect(response.headers.get("etag")).toBe(`"${VERSION}"`);
      expect(response.headers.get("vary")).toBe("accept");
      expect(response.headers.get("cache-control")).toBe("no-cache");
      expect(response.headers.get("content-type")).toBeNull();
      expect(response.headers.get("content-length")).toBeNull();
    }
    node.advance({ Start: 2 });
    expect((await get("/states", { "if-none-match": `"${VERSION}"` })).status).toBe(200);
  });

  it("responds to HEAD as to GET, without the body", async () => {
    const { get } = createFakeApi();
    const head = await get("/states", {}, { method: "HEAD" });
    const full = await get("/states");
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
    expect(Object.fromEntries(head.headers)).toEqual(Object.fromEntries(full.headers));
    const bytes = await full.arrayBuffer();
    expect(full.headers.get("content-length")).toBe(String(bytes.byteLength));
  });

  it("counts the length of its body in bytes", async () => {
    const { get, node } = createFakeApi();
    node.reset([1], 1, EPOCH, { Übergänge: {} });
    const response = await get("/states", { accept: "text/plain" });
    expect(response.headers.get("content-length")).toBe("12");
    expect(await response.text()).toBe("Übergänge\n");
  });

  it("encodes a version once for any number of requests", async () => {
    const { get, node } = createFakeApi();
    for (let i = 0; i < 5; i++) await (await get("/states")).text();
    await get("/states", { "if-none-match": `"${VERSION}"` });
    expect(node.listings).toBe(1);
    await get("/states", { accept: "text/plain" });
    await get("/states", { accept: "text/plain" });
    expect(node.listings).toBe(2);
    node.advance({ Start: 2 });
    expect(node.listings).toBe(2);
    expect(await (await get("/states")).json()).toMatchObject({
      version: `${EPOCH}-8`,
      states: ["Flight1Delayed"],
    });
    expect(node.listings).toBe(3);
  });

  it("encodes again after a resync to the same version", async () => {
    const { get, node } = createFakeApi();
    await get("/states");
    node.reset([0, 0, 0, 0, 1], 7);
    expect(await (await get("/states")).json()).toMatchObject({
      version: VERSION,
      states: ["Flight1OnTime"],
    });
  });

  it("shows the current age, not the age when the body was encoded", async () => {
    const { get, node } = createFakeApi();
    await get("/states");
    node.age = 4000;
    expect((await get("/states")).headers.get("machine-age-ms")).toBe("4000");
    node.age = 0;
    expect((await get("/states")).headers.get("machine-age-ms")).toBe("0");
  });

  it("shows nothing before the first sync", async () => {
    const { get, node } = createFakeApi();
    node.age = Infinity;
    for (const path of ["/states", "/states/Start", "/states/Nope", "/clocks", "/schema"]) {
      const response = await get(path);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("1");
      expect(response.headers.get("machine-age-ms")).toBeNull();
      expect(await response.json()).toMatchObject({
        type: "urn:tree-state-source:problem:no-clock-yet",
        status: 503,
      });
    }
  });

  it("waits for the node's first clock", async () => {
    const { node, get } = createFakeApi({}, new FakeNode());
    node.age = Infinity;
    expect((await get("/states?wait=0")).status).toBe(503);
    const late = get("/states");
    await node.time.advance(999);
    expect(node.time.pending).toBe(1);
    await node.time.advance(1);
    expect((await late).status).toBe(503);
    const inTime = get("/states?wait=30000");
    await node.time.advance(29_999);
    node.reset([0, 1], 1);
    node.age = 0;
    const response = await inTime;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ version: `${EPOCH}-1` });
    expect(node.time.pending).toBe(0);
  });
});

describe("GET /states?min-version", () => {
  it.each([`${EPOCH}-0`, `${EPOCH}-6`, VERSION])("responds at once from %s", async (version) => {
    const { get, node } = createFakeApi();
    const response = await get(`/states?min-version=${version}`);
    expect(response.status).toBe(200);
    expect(node.time.pending).toBe(0);
  });

  it("waits for a later version", async () => {
    const { get, node } = createFakeApi();
    const pending = get(`/states?min-version=${EPOCH}-9`);
    expect(node.time.pending).toBe(1);
    node.advance({ Start: 2 });
    expect(node.time.pending).toBe(1);
    node.advance({ Ready: 1 }, 10);
    expect(node.time.pending).toBe(0);
    const response = await pending;
    expect(response.headers.get("etag")).toBe(`"${EPOCH}-10"`);
    expect(await response.json()).toMatchObject({ states: ["Ready", "Flight1Delayed"] });
  });

  it("waits for an epoch that this node does not know", async () => {
    const { get, node } = createFakeApi();
    const pending = get(`/states?min-version=${OTHER_EPOCH}-2&wait=100`);
    node.reset([0, 1], 1, OTHER_EPOCH);
    node.advance({ Ready: 1 });
    expect(await (await pending).json()).toMatchObject({ version: `${OTHER_EPOCH}-2` });
  });

  it("waits for the first sync, and responds with 503 if there is none", async () => {
    const { node, get } = createFakeApi({}, new FakeNode());
    node.age = Infinity;
    const late = get(`/states?min-version=${EPOCH}-1`);
    await node.time.advance(1000);
    expect((await late).status).toBe(503);
    const inTime = get(`/states?min-version=${EPOCH}-1`);
    node.age = 0;
    node.reset([0, 1], 1);
    expect((await inTime).status).toBe(200);
  });

  it.each([
    ["", 1000],
    ["&wait=250", 250],
    ["&wait=30000", 30_000],
  ])("responds with 504 when the wait %j is over", async (wait, waitMs) => {
    const { get, node } = createFakeApi();
    const pending = get(`/states?min-version=${EPOCH}-9${wait}`);
    await node.time.advance(waitMs - 1);
    expect(node.time.pending).toBe(1);
    await node.time.advance(1);
    expect(node.time.pending).toBe(0);
    const response = await pending;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:version-not-reached",
      detail: `Cannot show version ${EPOCH}-9 within ${waitMs} ms: node "rep-1-1" is at ${VERSION}`,
      minVersion: `${EPOCH}-9`,
      version: VERSION,
      waitMs,
    });
  });

  it("names both versions when the epochs differ", async () => {
    const { get } = createFakeApi();
    const response = await get(`/states?min-version=${OTHER_EPOCH}-1&wait=0`);
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      detail: `Cannot show version ${OTHER_EPOCH}-1 within 0 ms: node "rep-1-1" is at ${VERSION}, of another epoch`,
    });
  });

  it("stops waiting when the client leaves or the node shuts down", async () => {
    const node = createFakeNode();
    const close = new AbortController();
    const client = new AbortController();
    const app = createHttpApi(node, { signal: close.signal });
    const path = `/states?min-version=${EPOCH}-9`;
    const abandoned = Promise.resolve(app.request(path, { signal: client.signal }));
    const closed = Promise.resolve(app.request(path));
    client.abort();
    expect((await abandoned).status).toBe(499);
    close.abort();
    expect((await closed).status).toBe(503);
    expect((await app.request(path)).status).toBe(503);
    expect(node.time.pending).toBe(0);
  });

  it.each(["-1", "1.5", "1e3", "", " 5", "0x10", "30001", "999999999999", "NaN"])(
    "refuses a wait of %j",
    async (wait) => {
      const { get } = createFakeApi();
      const response = await get(`/states?wait=${encodeURIComponent(wait)}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        type: "urn:tree-state-source:problem:invalid-parameter",
        detail: `Cannot read parameter "wait": "${wait}" is not an integer of milliseconds from 0 to 30000`,
        parameter: "wait",
      });
    },
  );

  it("refuses and names anything that is not a version", async () => {
    const { get } = createFakeApi();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
        const response = await get(`/states?min-version=${encodeURIComponent(text)}`);
        expect(response.status).toBe(400);
        const { detail } = (await response.json()) as { detail: string };
        expect(detail).toContain(`"${text}" is not a version`);
      }),
    );
  });
});
