/**
 * The replication service beside the HTTP API: browsers speak HTTP/2 over TLS alone, so that the
 * port of the replication server is closed to them; over this one a page can be a replica.
 */

import { REPLICATION_PATHS } from "../replication/mod.ts";
import type { Route } from "./route.ts";

/**
 * Makes the routes of the service, for `extraRoutes`; `serve` is what `createReplicationServer` made.
 * Pages of the origins in `corsOrigins` may use them.
 */
export function createReplicationRoutes(serve: (request: Request) => Promise<Response>): Route[] {
  return REPLICATION_PATHS.map((path) => ({
    method: "POST",
    path,
    handle: (c) => serve(c.req.raw),
  }));
}
