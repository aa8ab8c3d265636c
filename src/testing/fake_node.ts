/** A node and its HTTP API for tests: the test moves its clock and its time. */

import type { Hono } from "hono";
import { createHttpApi, type HttpApiOptions, type NodeApi, type Topology } from "../http/mod.ts";
import {
  type Call,
  type MutateOptions,
  type MutationRequest,
  type MutationResponse,
  type Selection,
  VersionedClock,
} from "../replication/mod.ts";
import { VirtualTime } from "./virtual_time.ts";

export const EPOCH = "00c0ffee00c0ffee";
export const OTHER_EPOCH = "0badcafe0badcafe";

export const SCHEMA = {
  Exception: { multi: true },
  Start: {},
  Ready: { require: ["Start"] },
  Flight1Delayed: { auto: false, remove: ["Flight1OnTime"] },
  Flight1OnTime: { auto: true, remove: ["Flight1Delayed"], add: [] },
};

export class FakeNode implements NodeApi {
  readonly name = "rep-1-1";
  readonly machineId = "flights";
  readonly role = "leaf";
  readonly level = 2;
  readonly clock = new VersionedClock();
  selection: Selection | undefined = undefined;
  readonly staleAfterMs = 5000;
  readonly time = new VirtualTime();
  age = 12.25;
  /** The calls of {@linkcode mutate}. */
  readonly mutations: { request: MutationRequest; options: MutateOptions }[] = [];
  /** Runs mutations; a test may replace it. */
  onMutate: (request: MutationRequest, options: MutateOptions) => Promise<MutationResponse> = () =>
    Promise.resolve({ result: "executed", version: `${EPOCH}-8` });
  /** Runs calls; a test may replace it. */
  onCall: Call = async ({ argsJson }) => ({
    resultJson: argsJson ?? "null",
    version: `${EPOCH}-8`,
  });
  /** Number of times that the active states were listed. */
  listings = 0;

  ageMs(): number {
    return this.age;
  }

  mutate(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    this.mutations.push({ request, options });
    return this.onMutate(request, options);
  }

  call(...[request, options]: Parameters<Call>): ReturnType<Call> {
    return this.onCall(request, options);
  }

  topology(): Topology {
    return {
      node: {
        name: this.name,
        role: this.role,
        level: this.level,
        machine: this.machineId,
        selection: null,
        addr: "127.0.0.1:19703",
        httpAddr: "127.0.0.1:18703",
        version: this.clock.version,
        ageMs: this.age,
        startedAt: "2001-06-29T00:00:00.000Z",
      },
      upstream: {
        address: "127.0.0.1:19701",
        status: "live",
        lagMs: 3,
        reconnects: 1,
        resyncs: 0,
        bytesReceived: 0,
      },
      downstreams: [],
    };
  }

  /** Starts an epoch at `seq`. */
  reset(ticks: readonly number[], seq = 0, epoch = EPOCH, schema: object = SCHEMA): void {
    const names = Object.keys(schema);
    const filled = names.map((_, index) => ticks[index] ?? 0);
    this.clock.reset({ epoch, seq, schema: schema as typeof SCHEMA, names, ticks: filled });
  }

  /** Sets ticks by name and advances to `seq`, by default the next one. */
  advance(ticks: Readonly<Record<string, number>>, seq = this.clock.seq + 1): void {
    const indexes = Object.keys(ticks).map((name) => this.clock.indexOf(name));
    this.clock.advance(seq, Uint32Array.from(indexes), Object.values(ticks));
  }
}

/** A node at seq 7 of {@linkcode EPOCH} with Start and Flight1Delayed active. */
export function createFakeNode(): FakeNode {
  const node = new FakeNode();
  node.reset([2, 1, 0, 3, 2], 7);
  const { activeStates } = node.clock;
  node.clock.activeStates = () => {
    node.listings++;
    return activeStates.call(node.clock);
  };
  return node;
}

/** The API of `node`. */
export function createFakeApi(options: HttpApiOptions = {}, node = createFakeNode()) {
  const app: Hono = createHttpApi(node, options);
  const get = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    app.request(path, { headers, ...init });
  return { node, app, get };
}
