/** `GET /topology`: this node, its upstream and its downstreams, with how far each is behind. */

import { answerBody, JSON_TYPE } from "./answer.ts";
import type { Route, RouteContext } from "./route.ts";

/** Makes `GET /topology`. It is about the link, not about states, and so is served before the first sync too. */
export function createTopologyRoute({ node }: RouteContext): Route {
  return {
    method: "GET",
    path: "/topology",
    handle: () =>
      answerBody(JSON.stringify(node.topology()), {
        "content-type": JSON_TYPE,
        "cache-control": "no-store",
      }),
  };
}
