import { describe, expect, it } from "vitest";
import { createSelection, parseSelection, ReplicationError } from "../replication/mod.ts";
import { createFakeApi, EPOCH, SCHEMA } from "../testing/fake_node.ts";

const VERSION = `${EPOCH}-7`;

/** A node that follows only some of the states. */
function setUp(states = "Flight1*,Start") {
  const { node, app, get } = createFakeApi({ corsOrigins: ["*"] });
  node.selection = parseSelection(states);
  const { Start, Flight1Delayed, Flight1OnTime } = SCHEMA;
  node.reset([1, 3, 2], 7, EPOCH, { Start, Flight1Delayed, Flight1OnTime });
  const post = async (states: readonly string[]) =>
    app.request("/mutations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "add", states }),
    });
  return { node, get, post };
}

/** The first event of a stream. */
async function firstEvent(response: Response): Promise<{ event: string; id: string }> {
  const reader = response.body!.getReader();
  await reader.read();
  const text = new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  const [, event, id] = /^event: (\w+)\nid: (\S+)\n/.exec(text)!;
  return { event: event!, id: id! };
}

describe("A node with a selection", () => {
  it("shows its states, the sum of their ticks, and the selection", async () => {
    const { get } = setUp();
    const response = await get("/states", { origin: "https://board.example" });
    expect(response.headers.get("machine-selection")).toBe("Start,Flight1*");
    expect(response.headers.get("access-control-expose-headers")).toContain("machine-selection");
    expect(response.headers.get("etag")).toBe(`"${VERSION}"`);
    expect(await response.json()).toEqual({
      machine: "flights",
      node: "rep-1-1",
      version: VERSION,
      time: 6,
      states: ["Start", "Flight1Delayed"],
    });
    for (const path of ["/states/Start", "/clocks", "/states?prefix=F"])
      expect((await get(path)).headers.get("machine-selection")).toBe("Start,Flight1*");
    const same = await get("/states", { "if-none-match": `"${VERSION}"` });
    expect([same.status, same.headers.get("machine-selection")]).toEqual([304, "Start,Flight1*"]);
  });

  it("lists its states in the schema, with relations to others", async () => {
    const { get } = setUp("Flight1*,Start");
    expect(await (await get("/schema")).json()).toEqual({
      machine: "flights",
      epoch: EPOCH,
      selection: ["Start", "Flight1*"],
      states: [
        { name: "Start" },
        { name: "Flight1Delayed", remove: ["Flight1OnTime"] },
        { name: "Flight1OnTime", auto: true, remove: ["Flight1Delayed"] },
      ],
    });
  });

  it("distinguishes a state that it does not follow from one that does not exist", async () => {
    const { get } = setUp();
    const other = await get("/states/Ready");
    expect(other.status).toBe(404);
    expect(await other.json()).toMatchObject({
      type: "urn:tree-state-source:problem:state-not-followed",
      detail:
        'Cannot show state "Ready": this node follows only "Start,Flight1*"; other nodes may know the state',
      state: "Ready",
    });
    expect(await (await get("/states/Flight1Delay")).json()).toMatchObject({
      type: "urn:tree-state-source:problem:unknown-state",
      nearest: expect.arrayContaining(["Flight1Delayed"]),
    });
  });

  it("lets the root check only the states that it does not follow", async () => {
    const { node, post } = setUp();
    expect((await post(["Ready", "Flight1Delayed"])).status).toBe(200);
    expect(node.mutations[0]!.request.states).toEqual(["Ready", "Flight1Delayed"]);
    const known = await post(["Flight1Delay", "Redy"]);
    expect(known.status).toBe(422);
    expect(await known.json()).toMatchObject({
      unknown: [{ state: "Flight1Delay", nearest: expect.arrayContaining(["Flight1Delayed"]) }],
    });
    expect(node.mutations).toHaveLength(1);
  });

  it("passes on what the root says about a state that it cannot check", async () => {
    const { node, post } = setUp();
    const message = 'Cannot use state "Redy": the nearest known are "Ready"';
    node.onMutate = () =>
      Promise.reject(new ReplicationError("unknown_state", message, { states: ["Redy"] }));
    const response = await post(["Redy"]);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:unknown-state",
      detail: message,
      unknown: [{ state: "Redy" }],
    });
  });

  it("resumes event streams of its selection, and starts those of others with a snapshot", async () => {
    const { get, node } = setUp();
    const stream = (id: string) => get("/states/stream", { "last-event-id": id });
    const response = await get("/states/stream");
    expect(response.headers.get("machine-selection")).toBe("Start,Flight1*");
    const { event, id } = await firstEvent(response);
    expect([event, id]).toEqual(["snapshot", expect.stringMatching(`^${VERSION}~[0-9a-f]{8}$`)]);
    node.advance({ Start: 2 });
    expect((await firstEvent(await stream(id))).event).toBe("diff");
    expect((await firstEvent(await stream(VERSION))).event).toBe("snapshot");
    node.selection = parseSelection("Start");
    expect((await firstEvent(await stream(id))).event).toBe("snapshot");
    node.selection = undefined;
    expect((await firstEvent(await stream(id))).event).toBe("snapshot");
    expect((await firstEvent(await stream(VERSION))).event).toBe("diff");
  });

  it("names any state in the header, and only as many as fit", async () => {
    const { node, get } = setUp();
    const header = async () => (await get("/states")).headers.get("machine-selection");
    node.selection = createSelection(["Ü,\ud800\n"], ["a b"]);
    expect(await header()).toBe("%C3%9C%2C%EF%BF%BD%0A,a%20b*");
    node.selection = createSelection(Array.from({ length: 1_000 }, (_, i) => `State${i}`));
    expect((await header())!.length).toBeLessThan(1_100);
    expect(await header()).toMatch(/^State0,State1,State10,.*\d\.\.\.$/);
  });
});
