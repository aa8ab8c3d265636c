/** `GET /schema`: the states in index order, with their properties and relations. */

import { listSelection } from "../replication/mod.ts";
import type { NodeApi } from "./node_api.ts";
import type { RouteContext } from "./options.ts";
import { JSON_TYPE, requireAgeMs, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";
import { matchesIfNoneMatch, toEntityTag } from "./version.ts";

/**
 * Creates `GET /schema`: `{"machine","epoch","selection"?,"states":[{"name","auto"?,"multi"?,"require"?,…}]}`.
 * A node that follows a selection lists only these states, but their relations may name others.
 * False properties and empty lists are left out. A schema is valid for a whole epoch, so the epoch is
 * its entity tag.
 */
export function createSchemaRoute({ node }: RouteContext): Route {
  let body: Uint8Array<ArrayBuffer> | undefined;
  node.clock.onChange((change) => {
    if (change.type === "reset") body = undefined;
  });
  return {
    method: "GET",
    path: "/schema",
    handle: (c) => {
      requireAgeMs(node);
      const { epoch } = node.clock;
      const headers = { etag: toEntityTag(epoch), "cache-control": "no-cache" };
      if (matchesIfNoneMatch(c.req.header("if-none-match"), epoch)) {
        return new Response(null, { status: 304, headers });
      }
      body ??= new TextEncoder().encode(encodeSchema(node));
      return respondWithBody(body, { "content-type": JSON_TYPE, ...headers });
    },
  };
}

function encodeSchema({ machineId, clock, selection }: NodeApi): string {
  const states = clock.names.map((name) => {
    const properties = Object.entries(clock.schema[name] ?? {}).filter(([, value]) =>
      Array.isArray(value) ? value.length > 0 : value !== false && value !== undefined,
    );
    return { name, ...Object.fromEntries(properties) };
  });
  return JSON.stringify({
    machine: machineId,
    epoch: clock.epoch,
    ...(selection !== undefined && { selection: listSelection(selection) }),
    states,
  });
}
