/**
 * Server-sent events about the clock, as bytes. The last snapshot and diff are kept, so that
 * readers at the same version share one encoding.
 */

import { encodeClocksJson, encodeHead, encodeTicks } from "./clock_bodies.ts";
import type { NodeApi } from "./node_api.ts";
import { MACHINE_SELECTION_HEADER, selectionHeader } from "./response.ts";
import { parseVersion, type Version } from "./version.ts";

/** Encodes the events of one node's clock; see {@linkcode snapshot} and {@linkcode diff}. */
export class StateEvents {
  readonly #node: NodeApi;
  readonly #encoder = new TextEncoder();
  #snapshot: Uint8Array | undefined;
  #diff: { readonly since: number; readonly bytes: Uint8Array } | undefined;

  /** Subscribes to the node's clock for good. */
  constructor(node: NodeApi) {
    this.#node = node;
    node.clock.onChange(() => {
      this.#snapshot = undefined;
      this.#diff = undefined;
    });
  }

  /** `event: snapshot`, data as `GET /clocks`: every state's tick. */
  snapshot(): Uint8Array {
    this.#snapshot ??= this.#encode("snapshot", encodeClocksJson(this.#node));
    return this.#snapshot;
  }

  /**
   * `event: diff`, data `{"machine","node","version","time","since","clocks"}`: the absolute ticks
   * of the states that changed after version `since`, in index order. `since` is the version of the
   * previous event. Invariant: 0 <= sinceSeq < the clock's seq.
   */
  diff(sinceSeq: number): Uint8Array {
    if (this.#diff?.since !== sinceSeq) {
      const { clock } = this.#node;
      const changed: [index: number, tick: number][] = [];
      clock.forEachChangedSince(sinceSeq, (index, tick) => changed.push([index, tick]));
      changed.sort(([a], [b]) => a - b);
      const clocks = encodeTicks(changed.map(([index, tick]) => [clock.names[index]!, tick]));
      const since = JSON.stringify(`${clock.epoch}-${sinceSeq}`);
      const data = `${encodeHead(this.#node)},"since":${since},"clocks":${clocks}}`;
      this.#diff = { since: sinceSeq, bytes: this.#encode("diff", data) };
    }
    return this.#diff.bytes;
  }

  // JSON has no raw line breaks, so the data is one line.
  #encode(event: "snapshot" | "diff", data: string): Uint8Array {
    return this.#encoder.encode(`event: ${event}\nid: ${toEventId(this.#node)}\ndata: ${data}\n\n`);
  }
}

/**
 * The node's version. With a selection, a tilde and a hash of the selection follow, because a diff
 * fits only readers of the same states.
 */
export function toEventId(node: NodeApi): string {
  return node.clock.version + tagOf(node);
}

/** The version in an event id; undefined unless the id is valid and about the states that this node has. */
export function parseEventId(node: NodeApi, id: string): Version | undefined {
  const tag = tagOf(node);
  return id.endsWith(tag) ? parseVersion(id.slice(0, id.length - tag.length)) : undefined;
}

function tagOf(node: NodeApi): string {
  const { [MACHINE_SELECTION_HEADER]: items } = selectionHeader(node);
  if (items === undefined) return "";
  // FNV-1a, over ASCII.
  let hash = 0x811c_9dc5;
  for (let i = 0; i < items.length; i++) hash = Math.imul(hash ^ items.charCodeAt(i), 0x0100_0193);
  return `~${(hash >>> 0).toString(16).padStart(8, "0")}`;
}
