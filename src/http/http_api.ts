/** Builds the Hono app of one node from its routes. */

import { Hono } from "hono";
import { cors } from "hono/cors";
import { createCallsRoute } from "./calls.ts";
import { createHealthRoutes } from "./health.ts";
import { createMutationsRoute } from "./mutations.ts";
import type { NodeApi } from "./node_api.ts";
import { type HttpApiOptions, resolveOptions } from "./options.ts";
import { HttpProblem } from "./problem.ts";
import { MACHINE_AGE_HEADER, MACHINE_SELECTION_HEADER } from "./response.ts";
import type { Route } from "./route.ts";
import { createSchemaRoute } from "./schema.ts";
import { serveRoute } from "./serve_route.ts";
import { createStateRoute } from "./state.ts";
import { createStatesRoutes } from "./states.ts";
import { createStreamRoute } from "./stream.ts";
import { createTopologyRoute } from "./topology.ts";

/**
 * Creates the HTTP API of a node; `app.fetch(request)` responds. Subscribes to the node's clock for
 * good. Throws `RangeError` for an option out of range.
 *
 * HEAD works wherever GET does; OPTIONS lists the methods of a path. Errors are
 * `application/problem+json` (RFC 9457): 404 for an unknown path, 405 with `allow` for a method that
 * the path lacks, 500 for an unexpected error, which goes to `onError` and not to the client.
 */
export function createHttpApi(node: NodeApi, options: HttpApiOptions = {}): Hono {
  const resolved = resolveOptions(options);
  const context = { node, options: resolved };
  const routes: Route[] = [
    ...createStatesRoutes(context),
    // Before `/states/:name`: Hono takes the first pattern that matches.
    createStreamRoute(context),
    createStateRoute(context),
    createSchemaRoute(context),
    createTopologyRoute(context),
    ...createHealthRoutes(context),
    createMutationsRoute(context),
    createCallsRoute(context),
    ...resolved.extraRoutes,
  ];

  const app = new Hono();
  const allowed = new Map<string, string[]>();
  for (const { method, path } of routes) {
    const methods = method === "GET" ? ["GET", "HEAD"] : [method];
    allowed.set(path, [...(allowed.get(path) ?? []), ...methods]);
  }
  if (resolved.corsOrigins.length > 0) app.use(createCors(resolved.corsOrigins));
  for (const [path, methods] of allowed) {
    for (const route of routes.filter((candidate) => candidate.path === path)) {
      app.on(route.method, path, (c) => serveRoute(c, route, resolved));
    }
    const handle = createFallback([...methods, "OPTIONS"].join(", "));
    app.all(path, (c) => serveRoute(c, { path, handle }, resolved));
  }
  app.notFound((c) => serveRoute(c, { path: undefined, handle: handleNotFound }, resolved));
  return app;
}

function createFallback(allow: string): Route["handle"] {
  return (c) => {
    if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    throw new HttpProblem(
      405,
      "method-not-allowed",
      `Cannot ${c.req.method} ${c.req.path}: allowed are ${allow}`,
      { headers: { allow } },
    );
  };
}

function handleNotFound(c: Parameters<Route["handle"]>[0]): never {
  throw new HttpProblem(
    404,
    "not-found",
    `Cannot find ${c.req.path}: this node has no such path; start with GET /states`,
  );
}

function createCors(origins: readonly string[]) {
  const middleware = cors({
    origin: origins.includes("*") ? "*" : [...origins],
    allowMethods: ["GET", "HEAD", "POST"],
    allowHeaders: [
      "connect-protocol-version",
      "connect-timeout-ms",
      "content-type",
      "idempotency-key",
      "if-none-match",
      "last-event-id",
      "traceparent",
      "tracestate",
    ],
    exposeHeaders: [MACHINE_AGE_HEADER, MACHINE_SELECTION_HEADER, "etag", "retry-after", "allow"],
    maxAge: 600,
  });
  // Hono's middleware takes every OPTIONS for a preflight; a plain one lists the path's methods.
  const handle: typeof middleware = (c, next) =>
    c.req.method === "OPTIONS" && c.req.header("access-control-request-method") === undefined
      ? next()
      : middleware(c, next);
  return handle;
}
