/**
 * The replication service on the port of the HTTP API. Browsers use HTTP/2 only over TLS, so they
 * cannot reach the port of the replication server; through this one, a page can be a replica.
 */

import { REPLICATION_PATHS } from "../replication/mod.ts";
import type { Route } from "./route.ts";

/**
 * Creates the routes of the service, for `extraRoutes`; `serve` comes from `createReplicationServer`.
 * Pages of the origins in `corsOrigins` may use them.
 */
export function createReplicationRoutes(serve: (request: Request) => Promise<Response>): Route[] {
  return REPLICATION_PATHS.map((path) => ({
    method: "POST",
    path,
    handle: (c) => serve(c.req.raw),
  }));
}
