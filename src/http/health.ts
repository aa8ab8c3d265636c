/** `GET /healthz` and `GET /readyz`: whether the process is alive, and whether its clock is fresh enough. */

import type { RouteContext } from "./options.ts";
import { HttpProblem } from "./problem.ts";
import { JSON_TYPE, MACHINE_AGE_HEADER, requireAgeMs, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";

const HEADERS = { "content-type": JSON_TYPE, "cache-control": "no-store" };

/**
 * Creates `GET /healthz`, which is 200 whenever the process can respond, and `GET /readyz`, which
 * is 200 while the clock is younger than the node's limit, else 503 with the reason, age and limit.
 */
export function createHealthRoutes({ node }: RouteContext): Route[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      handle: () =>
        respondWithBody(
          JSON.stringify({ status: "ok", name: node.name, role: node.role }),
          HEADERS,
        ),
    },
    {
      method: "GET",
      path: "/readyz",
      handle: () => {
        const { staleAfterMs, clock } = node;
        const ageMs = requireAgeMs(node, { ageMs: null, staleAfterMs, version: null });
        const members = { ageMs, staleAfterMs, version: clock.version };
        const headers = { [MACHINE_AGE_HEADER]: String(ageMs) };
        if (ageMs >= staleAfterMs) {
          throw new HttpProblem(
            503,
            "stale-clock",
            `Cannot call node "${node.name}" ready: its clock is ${ageMs} ms old, and ${staleAfterMs} ms is the limit`,
            { members, headers },
          );
        }
        return respondWithBody(JSON.stringify({ status: "ready", ...members }), {
          ...HEADERS,
          ...headers,
        });
      },
    },
  ];
}
