import { describe, expect, it } from "vitest";
import { createFakeApi, EPOCH, FakeNode, OTHER_EPOCH } from "../testing/fake_node.ts";
import { createHttpApi } from "./http_api.ts";

describe("GET /states/:name, waiting", () => {
  it.each([
    ["Start?active=true", 1],
    ["Ready?active=false", 0],
    ["Flight1Delayed?min-tick=3", 3],
    ["Flight1Delayed?min-tick=2&active=true", 3],
    ["Ready?min-tick=0", 0],
    ["Ready?wait=30000", 0],
  ])("responds at once to %s", async (path, tick) => {
    const { get, node } = createFakeApi();
    const response = await get(`/states/${path}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ tick, version: `${EPOCH}-7` });
    expect(node.time.pending).toBe(0);
  });

  it("waits until the state is active, or inactive", async () => {
    const { get, node } = createFakeApi();
    const active = get("/states/Ready?active=true");
    const inactive = get("/states/Start?active=false");
    node.advance({ Flight1OnTime: 3 });
    expect(node.time.pending).toBe(2);
    node.advance({ Ready: 1 });
    expect(node.time.pending).toBe(1);
    node.advance({ Start: 2 });
    expect(node.time.pending).toBe(0);
    const response = await active;
    expect(response.headers.get("machine-age-ms")).toBe("13");
    expect(await response.json()).toMatchObject({ name: "Ready", active: true, tick: 1 });
    expect(await (await inactive).json()).toMatchObject({ active: false, tick: 2 });
  });

  it("waits until the state's tick is reached, and until both conditions hold", async () => {
    const { get, node } = createFakeApi();
    const tick = get("/states/Ready?min-tick=3");
    const both = get("/states/Ready?min-tick=3&active=false");
    node.advance({ Ready: 2 });
    expect(node.time.pending).toBe(2);
    node.advance({ Ready: 5 });
    expect(await (await tick).json()).toMatchObject({ active: true, tick: 5 });
    expect(node.time.pending).toBe(1);
    node.advance({ Ready: 6 });
    expect(await (await both).json()).toMatchObject({ active: false, tick: 6 });
  });

  it.each([
    ["active=true", 1000, "active"],
    ["min-tick=7&wait=250", 250, "at tick 7"],
    ["active=true&min-tick=7&wait=30000", 30_000, "active and at tick 7"],
  ])("responds with 504 when the wait of ?%s is over", async (query, waitMs, wanted) => {
    const { get, node } = createFakeApi();
    const pending = get(`/states/Exception?${query}`);
    await node.time.advance(waitMs - 1);
    expect(node.time.pending).toBe(1);
    await node.time.advance(1);
    expect(node.time.pending).toBe(0);
    const response = await pending;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:state-not-reached",
      title: "The state was not reached in time",
      detail: `Cannot show state "Exception" ${wanted} within ${waitMs} ms: on node "rep-1-1" it is inactive at tick 2`,
      state: "Exception",
      active: false,
      tick: 2,
      version: `${EPOCH}-7`,
      waitMs,
    });
  });

  it("does not wait for an unknown state, nor for one that a new schema lacks", async () => {
    const { get, node } = createFakeApi();
    expect((await get("/states/Nope?active=true")).status).toBe(404);
    const pending = get("/states/Ready?active=true");
    node.reset([1], 1, OTHER_EPOCH, { Start: {} });
    expect((await pending).status).toBe(404);
    expect(node.time.pending).toBe(0);
  });

  it("finds the state at its index in a new schema", async () => {
    const { get, node } = createFakeApi();
    const pending = get("/states/Ready?active=true");
    node.reset([0, 0, 0, 5], 1, OTHER_EPOCH, { A: {}, B: {}, C: {}, Ready: {} });
    expect(await (await pending).json()).toMatchObject({ name: "Ready", tick: 5 });
  });

  it("waits for the node's first clock if the request asks for a wait", async () => {
    const { node, get } = createFakeApi({}, new FakeNode());
    node.age = Infinity;
    expect((await get("/states/Start")).status).toBe(503);
    const late = get("/states/Start?active=true");
    await node.time.advance(1000);
    expect((await late).status).toBe(503);
    const pending = ["wait=2000", "active=true&wait=2000"].map((query) =>
      get(`/states/Start?${query}`),
    );
    node.age = 0;
    node.reset([0, 1], 1);
    for (const response of await Promise.all(pending)) expect(response.status).toBe(200);
    expect(node.time.pending).toBe(0);
  });

  it("responds with 304 to a client that has the version in which the condition holds", async () => {
    const { get, node } = createFakeApi();
    const headers = { "if-none-match": `"${EPOCH}-7"` };
    expect((await get("/states/Start?active=true", headers)).status).toBe(304);
    const pending = get("/states/Ready?active=true", headers);
    node.advance({ Ready: 1 });
    const response = await pending;
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toBe(`"${EPOCH}-8"`);
  });

  it("stops waiting when the client leaves or the node shuts down", async () => {
    const node = new FakeNode();
    node.reset([0, 1], 1);
    const close = new AbortController();
    const client = new AbortController();
    const app = createHttpApi(node, { signal: close.signal });
    const path = "/states/Ready?active=true";
    const abandoned = Promise.resolve(app.request(path, { signal: client.signal }));
    const closed = Promise.resolve(app.request(path));
    client.abort();
    expect((await abandoned).status).toBe(499);
    close.abort();
    expect((await closed).status).toBe(503);
    expect(node.time.pending).toBe(0);
  });

  it.each([
    ["active", "", "neither true nor false"],
    ["active", "TRUE", "neither true nor false"],
    ["active", "1", "neither true nor false"],
    ["min-tick", "-1", "not a tick, which is an integer from 0 to 9007199254740991"],
    ["min-tick", "", "not a tick, which is an integer from 0 to 9007199254740991"],
    ["min-tick", "1.5", "not a tick, which is an integer from 0 to 9007199254740991"],
    ["min-tick", "9007199254740992", "not a tick, which is an integer from 0 to 9007199254740991"],
    ["wait", "30001", "not an integer of milliseconds from 0 to 30000"],
    ["wait", "-1", "not an integer of milliseconds from 0 to 30000"],
  ])("refuses %s=%j", async (parameter, value, isWhat) => {
    const { get } = createFakeApi();
    const response = await get(`/states/Start?${parameter}=${value}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:invalid-parameter",
      detail: `Cannot read parameter "${parameter}": "${value}" is ${isWhat}`,
      parameter,
    });
  });
});
