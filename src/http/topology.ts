/** `GET /topology`: this node, its upstream and its downstreams, and how far each is behind. */

import type { RouteContext } from "./options.ts";
import { JSON_TYPE, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";

/** Creates `GET /topology`. It shows links, not states, so it needs no clock. */
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
