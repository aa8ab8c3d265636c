/** `GET /states/:name`: one state. The event stream hides a state called "stream"; `/clocks` shows it. */

import { nearestNames } from "../machine/mod.ts";
import { describeSelection, isSelected } from "../replication/mod.ts";
import type { RouteContext } from "./options.ts";
import { HttpProblem } from "./problem.ts";
import { JSON_TYPE, requireAgeMs, respondWithStates } from "./response.ts";
import type { Route } from "./route.ts";

/**
 * Creates `GET /states/:name`: `{"name","active","tick","version"}`. 404 with the nearest known names
 * for an unknown state; 404 of another kind for a state outside of the node's selection.
 */
export function createStateRoute({ node }: RouteContext): Route {
  return {
    method: "GET",
    path: "/states/:name",
    handle: (c) => {
      requireAgeMs(node);
      const { clock } = node;
      const name = c.req.param("name") ?? "";
      const index = clock.indexOf(name);
      if (index < 0 && node.selection !== undefined && !isSelected(node.selection, name)) {
        throw new HttpProblem(
          404,
          "state-not-followed",
          `Cannot show state "${name}": this node follows only "${describeSelection(node.selection)}"; other nodes may know the state`,
          { members: { state: name } },
        );
      }
      if (index < 0) {
        const nearest = nearestNames(name, clock.names);
        throw new HttpProblem(
          404,
          "unknown-state",
          `Cannot show state "${name}": it is not in the schema; nearest known: ${nearest.join(", ")}`,
          { members: { state: name, nearest } },
        );
      }
      const tick = clock.ticks[index]!;
      return respondWithStates(c, node, {
        contentType: JSON_TYPE,
        encode: () =>
          JSON.stringify({ name, active: tick % 2 === 1, tick, version: clock.version }),
      });
    },
  };
}
