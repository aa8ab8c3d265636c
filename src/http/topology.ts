/** `GET /topology`: this node, its upstream and its downstreams, with how far each is behind. */

import { JSON_TYPE, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";
import type { RouteContext } from "./route_context.ts";

/** Makes `GET /topology`. It is about the link, not about states, and so is served before the first sync too. */
export function createTopologyRoute({ node }: RouteContext): Route {
  return {
    method: "GET",
    path: "/topology",
    handle: () =>
      respondWithBody(JSON.stringify(node.topology()), {
        "content-type": JSON_TYPE,
        "cache-control": "no-store",
      }),
  };
}
