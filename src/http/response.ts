/** Answers that show states: freshness, entity tag and 304 in one place, so that none can forget them. */

import type { Context } from "hono";
import { matchesIfNoneMatch, toEntityTag } from "./entity_tag.ts";
import type { NodeApi } from "./node_api.ts";
import { HttpProblem } from "./problem.ts";
import { selectionHeader } from "./selection_header.ts";

/**
 * Header with the milliseconds since this node last had proof that it was up to date with the
 * root, rounded up; 0 on the root. It stands on every answer that shows states.
 */
export const MACHINE_AGE_HEADER = "machine-age-ms";

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";

/** What {@linkcode respondWithStates} needs besides the body. */
export interface StatesResponse {
  readonly contentType: string;
  /** Called only if the body is wanted. */
  readonly encode: () => Uint8Array<ArrayBuffer> | string;
  /** Further headers, also on a 304. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The node's age as the header shows it. Throws a 503 problem before the first sync, with `members`
 * added to it.
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

/** The headers of every answer that shows states. Throws as {@linkcode requireAgeMs}. */
export function stateHeaders(node: NodeApi): Record<string, string> {
  return { [MACHINE_AGE_HEADER]: String(requireAgeMs(node)), ...selectionHeader(node) };
}

/**
 * Shows states at the clock's present version, or says 304 if the client has it. All
 * representations of one URL have the same entity tag, which is the version, by contract; `vary`
 * keeps caches from mixing them up, and as ranges are not served no one joins their bytes.
 */
export function respondWithStates(c: Context, node: NodeApi, answer: StatesResponse): Response {
  const { version } = node.clock;
  const headers = {
    ...stateHeaders(node),
    etag: toEntityTag(version),
    "cache-control": "no-cache",
    ...answer.headers,
  };
  if (matchesIfNoneMatch(c.req.header("if-none-match"), version)) {
    return new Response(null, { status: 304, headers });
  }
  return respondWithBody(answer.encode(), { "content-type": answer.contentType, ...headers });
}

/** 200 with a body of known length, which a HEAD answer then tells as well. */
export function respondWithBody(
  body: Uint8Array<ArrayBuffer> | string,
  headers: Readonly<Record<string, string>>,
): Response {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return new Response(bytes, { headers: { ...headers, "content-length": String(bytes.length) } });
}
