/** Responses that show states. Freshness, entity tag and 304 are handled here, so that no route can forget them. */

import type { Context } from "hono";
import { listSelection, type Selection } from "../replication/mod.ts";
import type { NodeApi } from "./node_api.ts";
import { HttpProblem } from "./problem.ts";
import { matchesIfNoneMatch, toEntityTag } from "./version.ts";

/**
 * Header with the milliseconds since this node last had proof that it was up to date with the
 * root, rounded up; 0 on the root. Every response that shows states carries it.
 */
export const MACHINE_AGE_HEADER = "machine-age-ms";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";

/** What {@linkcode respondWithStates} needs to make a response. */
export interface StatesResponse {
  readonly contentType: string;
  /** Encodes the body; not called for a 304. */
  readonly encode: () => Uint8Array<ArrayBuffer> | string;
  /** Further headers; a 304 has them too. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The node's age as {@linkcode MACHINE_AGE_HEADER} shows it. Before the first sync, throws a 503
 * problem with the extension members `members`.
 */
export function requireAgeMs(node: NodeApi, members: Record<string, unknown> = {}): number {
  const ageMs = node.ageMs();
  if (node.clock.epoch === "" || ageMs === Infinity) {
    throw new HttpProblem(
      503,
      "no-clock-yet",
      `Cannot show states: node "${node.name}" has not synced with the root yet`,
      { members, headers: { "retry-after": "1" } },
    );
  }
  return Math.max(0, Math.ceil(ageMs));
}

/** The headers of every response that shows states. Throws as {@linkcode requireAgeMs}. */
export function stateHeaders(node: NodeApi): Record<string, string> {
  return { [MACHINE_AGE_HEADER]: String(requireAgeMs(node)), ...selectionHeader(node) };
}

/**
 * Responds with states at the clock's current version, or with 304 if the client has that version.
 * All representations of a URL have the version as their entity tag. `vary` keeps caches from
 * confusing them, and since ranges are not served, no client joins bytes of two of them.
 */
export function respondWithStates(c: Context, node: NodeApi, response: StatesResponse): Response {
  const { version } = node.clock;
  const headers = {
    ...stateHeaders(node),
    etag: toEntityTag(version),
    "cache-control": "no-cache",
    ...response.headers,
  };
  if (matchesIfNoneMatch(c.req.header("if-none-match"), version)) {
    return new Response(null, { status: 304, headers });
  }
  return respondWithBody(response.encode(), { "content-type": response.contentType, ...headers });
}

/** A 200 response with a content-length, which the response to HEAD then has too. */
export function respondWithBody(
  body: Uint8Array<ArrayBuffer> | string,
  headers: Readonly<Record<string, string>>,
): Response {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return new Response(bytes, { headers: { ...headers, "content-length": String(bytes.length) } });
}

/**
 * Header with the states that the node follows, as names and as prefixes with a star, each
 * percent-encoded. A trailing `...` says that there are more; `GET /schema` lists them all. Every
 * response of a node with a selection that shows states carries it: other states may be active or not.
 */
export const MACHINE_SELECTION_HEADER = "machine-selection";

const MAX_LENGTH = 1_000;
const values = new WeakMap<Selection, string>();

/** The header, if the node has a selection. */
export function selectionHeader({ selection }: NodeApi): Record<string, string> {
  if (selection === undefined) return {};
  let value = values.get(selection);
  if (value === undefined) {
    value = encodeItems(listSelection(selection));
    values.set(selection, value);
  }
  return { [MACHINE_SELECTION_HEADER]: value };
}

function encodeItems(items: readonly string[]): string {
  let value = "";
  for (const item of items) {
    // A name may hold half a surrogate pair; encodeURIComponent throws for one.
    const encoded = encodeURIComponent(item.toWellFormed());
    if (value.length + encoded.length > MAX_LENGTH) return `${value}...`;
    value += value === "" ? encoded : `,${encoded}`;
  }
  return value;
}
