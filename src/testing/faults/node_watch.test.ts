import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COUNTED_STATE, MutationLoad } from "./mutation_load.ts";
import { NodeWatch } from "./node_watch.ts";
import { RootRecord } from "./root_record.ts";
import { until } from "./until.ts";

const EPOCH = "00000000000000aa";
const NEXT_EPOCH = "00000000000000bb";
const NAMES = ["A", "B", COUNTED_STATE];

/** A version of a root: its seq and its ticks. */
type Version = readonly [epoch: string, seq: number, ...ticks: number[]];

/** A scripted root and a scripted node, which show whatever the test sets. */
class FakeTree {
  readonly record: RootRecord;
  readonly #server: Server;
  readonly #ended = new AbortController();
  #streams: ((text: string) => void)[] = [];
  #sent: string[] = [];
  /** Response of the node to `GET /states`. */
  states: { status?: number; age?: number; version?: string; time?: number; states?: string[] } =
    {};
  /** Responses of the node to mutations, in order; the last one repeats. */
  responses: { status: number; version?: string; result?: string }[] = [];
  asked = 0;
  url = "";
  mutations: string[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      if (request.url === "/states/stream") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const text of this.#sent) response.write(text);
        this.#streams.push((text) => response.write(text));
      } else if (request.url === "/mutations") {
        this.mutations.push(String(request.headers["idempotency-key"]));
        const [next] = this.responses.length > 1 ? this.responses.splice(0, 1) : this.responses;
        response.writeHead(next!.status).end(JSON.stringify(next));
      } else {
        this.asked++;
        const { status = 200, age = 0, ...body } = this.states;
        response.writeHead(status, { "machine-age-ms": age }).end(JSON.stringify(body));
      }
    });
    this.record = new RootRecord(() => this.url);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    void this.record.follow(this.#ended.signal);
  }

  /** Moves the root to a version, and waits until the record has it. */
  async reach([epoch, seq, ...ticks]: Version): Promise<void> {
    const version = `${epoch}-${seq}`;
    const clocks = Object.fromEntries(NAMES.map((name, i) => [name, ticks[i]]));
    const kind = this.record.lives.at(-1) === epoch ? "diff" : "snapshot";
    const text = `event: ${kind}\nid: ${version}\ndata: ${JSON.stringify({ version, clocks })}\n\n`;
    this.#sent.push(text);
    for (const send of this.#streams) send(text);
    await until(`${version} in the record`, () => this.record.version === version);
  }

  /** Makes the node show a version with these ticks. */
  show([epoch, seq, ...ticks]: Version, age = 0): void {
    const states = NAMES.filter((_, i) => ticks[i]! % 2 === 1);
    const time = ticks.reduce((sum, tick) => sum + tick, 0);
    this.states = { age, version: `${epoch}-${seq}`, time, states };
  }

  /** Resolves after two more requests to the node: the first response has been processed. */
  async untilAsked(): Promise<void> {
    const before = this.asked;
    await until("two more requests", () => this.asked >= before + 2, { everyMs: 1 });
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

let tree: FakeTree;

beforeEach(async () => {
  tree = new FakeTree();
  await tree.start();
  await tree.reach([EPOCH, 1, 1, 0, 0]);
});

afterEach(() => tree.close());

describe("NodeWatch", () => {
  let watch: NodeWatch;
  let ended: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    tree.show([EPOCH, 1, 1, 0, 0]);
    watch = new NodeWatch(() => ({ name: "leaf", url: tree.url }), tree.record, { paceMs: 1 });
    ended = new AbortController();
    running = watch.run(ended.signal);
    await tree.untilAsked();
  });

  afterEach(async () => {
    ended.abort();
    await running;
  });

  it("reports nothing about a node that shows what the root had, and its age", async () => {
    tree.show([EPOCH, 1, 1, 0, 0], 10_000);
    await tree.untilAsked();
    await tree.reach([EPOCH, 2, 2, 1, 0]);
    await tree.untilAsked();
    tree.show([EPOCH, 2, 2, 1, 0]);
    await tree.untilAsked();
    expect(watch.problems()).toEqual([]);
    expect(watch.counts.equal).toBe(watch.counts.responses);
    expect(watch.counts.oldestMs).toBe(10_000);
  });

  it.each([
    {
      what: "other states",
      shown: [EPOCH, 1, 0, 1, 0] as const,
      problem: /leaf showed other states than the root.* at 00000000000000aa-1/,
    },
    {
      what: "another sum of ticks",
      shown: [EPOCH, 1, 3, 0, 0] as const,
      problem: /leaf showed other states/,
    },
    {
      what: "a version of the current life that the root has not reached",
      shown: [EPOCH, 2, 1, 1, 0] as const,
      problem: /leaf showed 00000000000000aa-2, which the root never had/,
    },
    {
      what: "an epoch that the root never had",
      shown: [NEXT_EPOCH, 1, 1, 0, 0] as const,
      problem: /leaf showed 00000000000000bb-1, which the root never had/,
    },
  ])("finds $what", async ({ shown, problem }) => {
    tree.show(shown);
    await tree.untilAsked();
    expect(watch.problems()).toEqual([expect.stringMatching(problem)]);
  });

  it("finds a seq that goes back, and a return to an old epoch", async () => {
    tree.show([EPOCH, 1, 1, 0, 0], 10_000);
    await tree.untilAsked();
    await tree.reach([EPOCH, 2, 2, 0, 0]);
    tree.show([EPOCH, 2, 2, 0, 0]);
    await tree.untilAsked();
    tree.show([EPOCH, 1, 1, 0, 0], 10_000);
    await tree.untilAsked();
    expect(watch.problems()).toEqual(["leaf went back from seq 2 to 1"]);
    await tree.reach([NEXT_EPOCH, 1, 0, 0, 0]);
    tree.show([NEXT_EPOCH, 1, 0, 0, 0]);
    await tree.untilAsked();
    tree.show([EPOCH, 2, 2, 0, 0], 10_000);
    await tree.untilAsked();
    expect(watch.problems()).toContain(`leaf went back to epoch ${EPOCH}`);
  });

  it("finds an age that is too low", async () => {
    await tree.reach([EPOCH, 2, 2, 0, 0]);
    await tree.untilAsked();
    expect(watch.problems()).toContainEqual(
      expect.stringMatching(
        /^leaf showed an age of 0 ms for 00000000000000aa-1, at least [\d.]+ ms too low$/,
      ),
    );
  });

  it("accepts versions after the end of a life if all nodes show the same states", async () => {
    tree.show([EPOCH, 2, 2, 0, 0]);
    await tree.untilAsked();
    await tree.reach([NEXT_EPOCH, 1, 0, 0, 0]);
    expect(watch.problems()).toEqual([]);
    expect(watch.counts.agreed).toBeGreaterThan(0);
    expect(tree.record.judgeStates(`${EPOCH}-2`, 3, ["A", "B"])).toBe("different");
  });

  it("finds error responses, also of a node that may be down", async () => {
    watch.goes();
    tree.states = { status: 503 };
    await tree.untilAsked();
    expect(watch.problems()).toEqual(["leaf responded 503: {}"]);
  });

  it("finds a node that does not respond, unless it may be down", async () => {
    watch.goes();
    await tree.close();
    await until("requests without a response", () => watch.counts.away > 1);
    expect(watch.problems()).toEqual([]);
    watch.returned();
    await until("the problem", () => watch.problems().length > 0);
    expect(watch.problems()[0]).toMatch(/^leaf did not respond: /);
  });
});

describe("MutationLoad", () => {
  const setUp = () => new MutationLoad(() => [{ name: "leaf", url: tree.url }]);
  const executed = (seq: number) => ({
    status: 200,
    result: "executed",
    version: `${EPOCH}-${seq}`,
  });

  it("repeats a mutation with its key until there is a response, and finds one effect of each", async () => {
    const load = setUp();
    tree.responses = [{ status: 503 }, { status: 504 }, executed(2)];
    expect(await load.send()).toBe(`${EPOCH}-2`);
    expect(tree.mutations).toHaveLength(3);
    expect(new Set(tree.mutations).size).toBe(1);
    expect(load.counts).toMatchObject({ responses: 1, tries: 3 });
    await tree.reach([EPOCH, 2, 1, 0, 1]);
    expect(load.problems(tree.record)).toEqual([]);
  });

  it.each([
    { effects: "two", tick: 3 },
    { effects: "none", tick: 0 },
  ])("finds that one response had $effects effects", async ({ tick }) => {
    const load = setUp();
    tree.responses = [executed(2)];
    await load.send();
    await tree.reach([EPOCH, 2, 1, 0, tick]);
    expect(load.problems(tree.record)).toEqual([
      `in epoch ${EPOCH}, 1 were executed and ${(tick + 1) >> 1} took effect`,
    ]);
  });

  it("finds an effect that a life of the root lost, and accepts more effects than responses in it", async () => {
    const load = setUp();
    tree.responses = [executed(2)];
    await load.send();
    await tree.reach([EPOCH, 2, 1, 0, 3]);
    await tree.reach([NEXT_EPOCH, 1, 0, 0, 0]);
    expect(load.problems(tree.record)).toEqual([]);
    await load.send();
    // The second mutation toggles a state that is not counted; this one is counted.
    await load.send();
    await load.send();
    await load.send();
    expect(load.problems(tree.record)).toEqual([
      `in epoch ${EPOCH}, 3 were executed and 2 took effect`,
    ]);
  });

  it("finds any response other than a result or 503 and 504", async () => {
    const load = setUp();
    tree.responses = [{ status: 502 }, executed(2)];
    await load.send();
    expect(load.problems(tree.record)).toContainEqual(
      expect.stringMatching(/^leaf responded to .* with 502/),
    );
  });
});
