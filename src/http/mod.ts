/**
 * The HTTP API of one node of the tree, on Web standards only: states, clocks, schema, topology,
 * health, an event stream and mutations.
 *
 * Read first: `node_api.ts` (what a node provides), `http_api.ts` (the routes), `states.ts` (a route).
 * Free to change: how a route computes its response, the wording of titles and details, and new
 * routes and members. Fixed, because clients depend on it: paths, statuses, headers, existing members
 * and problem types. Only Web APIs and Hono are available here; a route never touches a socket or a
 * timer itself. Every pattern and parser of input takes time linear in the input's length.
 *
 * ```ts
 * const app = createHttpApi(node, { corsOrigins: ["https://board.example"] });
 * const response = await app.fetch(new Request("http://127.0.0.1:18703/states"));
 * ```
 *
 * @module
 */

export { createHttpApi } from "./http_api.ts";
export type {
  NodeApi,
  NodeRole,
  Topology,
  TopologyDownstream,
  TopologyNode,
  TopologyUpstream,
} from "./node_api.ts";
export { DEFAULT_WAIT_MS, type HttpApiOptions, MAX_WAIT_MS } from "./options.ts";
export type { Exchange, Route } from "./route.ts";
export type {
  HttpTracer,
  RequestOutcome,
  RequestTrace,
  TracedRequest,
} from "./tracer.ts";

// For sibling folders: header names, and problems for the routes that they add.

export { HttpProblem, PROBLEM_TYPE_PREFIX, type ProblemKind } from "./problem.ts";
export { createReplicationRoutes } from "./replication.ts";
export { MACHINE_AGE_HEADER, MACHINE_SELECTION_HEADER } from "./response.ts";
