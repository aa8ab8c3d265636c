/**
 * The bodies of responses that show the whole clock. Each is encoded at most once per version, at
 * the first request for it.
 */

import type { NodeApi } from "./node_api.ts";

type BodyKind = "statesJson" | "statesText" | "clocksJson";

/** Encodes and keeps the bodies of the node's current version. */
export class ClockBodies {
  readonly #node: NodeApi;
  readonly #bodies = new Map<BodyKind, Uint8Array<ArrayBuffer>>();
  readonly #encoder = new TextEncoder();

  /** Subscribes to the node's clock for good. */
  constructor(node: NodeApi) {
    this.#node = node;
    node.clock.onChange(() => {
      if (this.#bodies.size > 0) this.#bodies.clear();
    });
  }

  /** `{"machine","node","version","time","states"}`: the active states, in index order. */
  statesJson(): Uint8Array<ArrayBuffer> {
    return this.#cached("statesJson", () => encodeStatesJson(this.#node));
  }

  /** The same with only the names that start with `prefix`; not kept. */
  statesJsonOf(prefix: string): Uint8Array<ArrayBuffer> {
    return this.#encoder.encode(encodeStatesJson(this.#node, prefix));
  }

  /** One active state per line, each line ended; empty if none is active. */
  statesText(): Uint8Array<ArrayBuffer> {
    return this.#cached("statesText", () => encodeStatesText(this.#node));
  }

  /** The same with only the names that start with `prefix`; not kept. */
  statesTextOf(prefix: string): Uint8Array<ArrayBuffer> {
    return this.#encoder.encode(encodeStatesText(this.#node, prefix));
  }

  /** `{"machine","node","version","time","clocks"}`: every state's tick. */
  clocksJson(): Uint8Array<ArrayBuffer> {
    return this.#cached("clocksJson", () => encodeClocksJson(this.#node));
  }

  #cached(kind: BodyKind, encode: () => string): Uint8Array<ArrayBuffer> {
    let body = this.#bodies.get(kind);
    if (body === undefined) {
      body = this.#encoder.encode(encode());
      this.#bodies.set(kind, body);
    }
    return body;
  }
}

/** `{name: tick}` as JSON, in the given order. An object would put names such as "1" first. */
export function encodeTicks(entries: Iterable<readonly [name: string, tick: number]>): string {
  const members: string[] = [];
  for (const [name, tick] of entries) members.push(`${JSON.stringify(name)}:${tick}`);
  return `{${members.join(",")}}`;
}

/** The start of every body about a version: a JSON object without its closing brace. */
export function encodeHead({ machineId, name, clock }: NodeApi): string {
  const head = { machine: machineId, node: name, version: clock.version, time: clock.timeSum };
  return JSON.stringify(head).slice(0, -1);
}

/** A whole clock as JSON; also the data of a stream's snapshot event. */
export function encodeClocksJson(node: NodeApi): string {
  const { names, ticks } = node.clock;
  const clocks = encodeTicks(names.map((name, index) => [name, ticks[index]!] as const));
  return `${encodeHead(node)},"clocks":${clocks}}`;
}

function encodeStatesJson(node: NodeApi, prefix = ""): string {
  return `${encodeHead(node)},"states":${JSON.stringify(listActive(node, prefix))}}`;
}

function encodeStatesText(node: NodeApi, prefix = ""): string {
  return listActive(node, prefix)
    .map((name) => `${name}\n`)
    .join("");
}

function listActive({ clock }: NodeApi, prefix: string): string[] {
  const names = clock.activeStates();
  return prefix === "" ? names : names.filter((name) => name.startsWith(prefix));
}
