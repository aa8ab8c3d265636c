import { describe, expect, it } from "vitest";
import { createFakeApi, createFakeNode, EPOCH, SCHEMA } from "../testing/fake_node.ts";
import { createHttpApi } from "./http_api.ts";

const VERSION = `${EPOCH}-7`;

describe("GET /states/:name", () => {
  it("shows one state", async () => {
    const { app } = createFakeApi();
    const response = await app.request("/states/Flight1Delayed");
    expect(response.status).toBe(200);
    expect(response.headers.get("machine-age-ms")).toBe("13");
    expect(response.headers.get("etag")).toBe(`"${VERSION}"`);
    expect(await response.json()).toEqual({
      name: "Flight1Delayed",
      active: true,
      tick: 3,
      version: VERSION,
    });
    expect(await (await app.request("/states/Exception")).json()).toMatchObject({
      active: false,
      tick: 2,
    });
  });

  it("responds with 304 to a client that has the version", async () => {
    const { app } = createFakeApi();
    const headers = { "if-none-match": `"${VERSION}"` };
    const response = await app.request("/states/Start", { headers });
    expect(response.status).toBe(304);
    expect(response.headers.get("machine-age-ms")).toBe("13");
    expect((await app.request("/states/Nope", { headers })).status).toBe(404);
  });

  it("names the nearest states for an unknown one", async () => {
    const { app } = createFakeApi();
    const response = await app.request("/states/Flight1Delay");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:unknown-state",
      detail: expect.stringMatching(
        /^Cannot show state "Flight1Delay": .* nearest known: Flight1Delayed, /,
      ),
      state: "Flight1Delay",
      nearest: ["Flight1Delayed", "Flight1OnTime", expect.any(String)],
    });
  });

  it.each(["a/b", "ü ?#", "100%", "__proto__", "%41", "+"])(
    "finds a state called %s",
    async (name) => {
      const node = createFakeNode();
      node.reset([1], 1, EPOCH, Object.fromEntries([[name, {}]]));
      const path = `/states/${encodeURIComponent(name)}`;
      const response = await createHttpApi(node).request(path);
      expect(await response.json()).toMatchObject({ name, tick: 1 });
    },
  );

  it("treats broken percent encoding as an unknown name", async () => {
    const response = await createFakeApi().app.request("/states/%E0%A4%A");
    expect(response.status).toBe(404);
  });
});

describe("GET /clocks", () => {
  it("shows every state's tick in schema order", async () => {
    const response = await createFakeApi().app.request("/clocks");
    expect(response.headers.get("machine-age-ms")).toBe("13");
    expect(response.headers.get("etag")).toBe(`"${VERSION}"`);
    expect(await response.text()).toBe(
      `{"machine":"flights","node":"rep-1-1","version":"${VERSION}","time":8,"clocks":` +
        `{"Exception":2,"Start":1,"Ready":0,"Flight1Delayed":3,"Flight1OnTime":2}}`,
    );
  });

  it("keeps the order of names that look like numbers", async () => {
    const node = createFakeNode();
    const names = ["B", "2", "1", '"'];
    node.clock.reset({ epoch: EPOCH, seq: 1, schema: {}, names, ticks: [1, 2, 3, 4] });
    const text = await (await createHttpApi(node).request("/clocks")).text();
    expect(text).toMatch(/\{"B":1,"2":2,"1":3,"\\"":4\}\}$/);
  });
});

describe("GET /schema", () => {
  it("lists the states in order, without empty properties", async () => {
    const { app } = createFakeApi();
    const response = await app.request("/schema");
    expect(response.headers.get("etag")).toBe(`"${EPOCH}"`);
    expect(await response.json()).toEqual({
      machine: "flights",
      epoch: EPOCH,
      states: [
        { name: "Exception", multi: true },
        { name: "Start" },
        { name: "Ready", require: ["Start"] },
        { name: "Flight1Delayed", remove: ["Flight1OnTime"] },
        { name: "Flight1OnTime", auto: true, remove: ["Flight1Delayed"] },
      ],
    });
    const same = await app.request("/schema", { headers: { "if-none-match": `"${EPOCH}"` } });
    expect(same.status).toBe(304);
  });

  it("changes only with the epoch", async () => {
    const { node, app } = createFakeApi();
    const before = await (await app.request("/schema")).text();
    node.advance({ Start: 2 });
    expect(await (await app.request("/schema")).text()).toBe(before);
    node.reset([], 1, "1111111111111111", { ...SCHEMA, Gate: {} });
    const after = (await (await app.request("/schema")).json()) as { states: unknown[] };
    expect(after.states.at(-1)).toEqual({ name: "Gate" });
  });
});

describe("GET /topology", () => {
  it("shows what the node knows, even before the first sync", async () => {
    const { node, app } = createFakeApi();
    const response = await app.request("/topology");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual(node.topology());
    node.age = Infinity;
    expect(await (await app.request("/topology")).json()).toMatchObject({ node: { ageMs: null } });
  });
});

describe("GET /healthz", () => {
  it("responds whenever the process can", async () => {
    const node = createFakeNode();
    node.age = Infinity;
    const response = await createHttpApi(node).request("/healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok", name: "rep-1-1", role: "leaf" });
  });
});

describe("GET /readyz", () => {
  it.each([
    [0, 200, 0],
    [4999, 200, 4999],
    [4999.5, 503, 5000],
    [5000, 503, 5000],
    [60_000, 503, 60_000],
  ])("responds at an age of %d ms with %i", async (age, status, ageMs) => {
    const node = createFakeNode();
    node.age = age;
    const response = await createHttpApi(node).request("/readyz");
    expect(response.status).toBe(status);
    expect(response.headers.get("machine-age-ms")).toBe(String(ageMs));
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({ ageMs, staleAfterMs: 5000, version: VERSION });
  });

  it("says why the node is not ready", async () => {
    const { node, app } = createFakeApi();
    node.age = 6000;
    expect(await (await app.request("/readyz")).json()).toMatchObject({
      type: "urn:tree-state-source:problem:stale-clock",
      detail:
        'Cannot call node "rep-1-1" ready: its clock is 6000 ms old, and 5000 ms is the limit',
    });
    node.age = Infinity;
    const response = await app.request("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:no-clock-yet",
      ageMs: null,
      staleAfterMs: 5000,
      version: null,
    });
  });
});
