/** `GET /states/:name`: one state. The event stream hides a state called "stream"; `/clocks` shows it. */

import type { Context } from "hono";
import { nearestNames } from "../machine/mod.ts";
import { describeSelection, isSelected } from "../replication/mod.ts";
import type { NodeApi } from "./node_api.ts";
import type { RouteContext } from "./options.ts";
import { HttpProblem, toEndedProblem } from "./problem.ts";
import { JSON_TYPE, requireAgeMs, respondWithStates } from "./response.ts";
import type { Exchange, Route } from "./route.ts";
import { invalidParameter, readWaitMs, waitForClock } from "./waits.ts";

/** What a request waits for; all of it must hold. */
interface Condition {
  readonly isActive: boolean | undefined;
  readonly minTick: number;
  readonly waitMs: number;
}

/**
 * Creates `GET /states/:name`: `{"name","active","tick","version"}`. 404 with the nearest known names
 * for an unknown state; 404 of another kind for a state outside of the node's selection.
 *
 * With `?active=true`, `?active=false` or `?min-tick=N` the response waits until the state is active,
 * inactive, or at tick N or later, and is 504 if that takes longer than `?wait=MS` (0 to 30,000, default
 * 1,000). Such a request, and one with `?wait=` only, waits equally long for the node's first clock.
 * A state that flips twice between two pushes from upstream is never seen in between: to miss no flip,
 * wait for its tick. Ticks of a new epoch may start over.
 */
export function createStateRoute({ node }: RouteContext): Route {
  return {
    method: "GET",
    path: "/states/:name",
    handle: (c, exchange) => {
      const name = c.req.param("name") ?? "";
      const condition = readCondition(c);
      if (condition === undefined || isOver(node, name, condition)) return respond(c, node, name);
      return waitForState(c, exchange, node, name, condition).then(() => respond(c, node, name));
    },
  };
}

function respond(c: Context, node: NodeApi, name: string): Response {
  requireAgeMs(node);
  const { clock } = node;
  const index = clock.indexOf(name);
  if (index < 0) throw notFound(node, name);
  const tick = clock.ticks[index]!;
  return respondWithStates(c, node, {
    contentType: JSON_TYPE,
    encode: () => JSON.stringify({ name, active: tick % 2 === 1, tick, version: clock.version }),
  });
}

function notFound({ clock, selection }: NodeApi, name: string): HttpProblem {
  if (selection !== undefined && !isSelected(selection, name)) {
    return new HttpProblem(
      404,
      "state-not-followed",
      `Cannot show state "${name}": this node follows only "${describeSelection(selection)}"; other nodes may know the state`,
      { members: { state: name } },
    );
  }
  const nearest = nearestNames(name, clock.names);
  return new HttpProblem(
    404,
    "unknown-state",
    `Cannot show state "${name}": it is not in the schema; nearest known: ${nearest.join(", ")}`,
    { members: { state: name, nearest } },
  );
}

/** Undefined if the request does not ask for a wait. */
function readCondition(c: Context): Condition | undefined {
  const wait = c.req.query("wait");
  const active = c.req.query("active");
  const minTick = c.req.query("min-tick");
  if (wait === undefined && active === undefined && minTick === undefined) return undefined;
  if (active !== undefined && active !== "true" && active !== "false")
    throw invalidParameter("active", active, "neither true nor false");
  return {
    isActive: active === undefined ? undefined : active === "true",
    minTick: readTick(minTick),
    waitMs: readWaitMs(wait),
  };
}

function readTick(text = "0"): number {
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw invalidParameter(
      "min-tick",
      text,
      `not a tick, which is an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  return Number(text);
}

/** Resolves once the condition holds, or nothing can make it hold because the schema lacks the state. */
async function waitForState(
  c: Context,
  exchange: Exchange,
  node: NodeApi,
  name: string,
  condition: Condition,
): Promise<void> {
  const isReached = () => isOver(node, name, condition);
  const result = await waitForClock(node, isReached, condition.waitMs, exchange.signal);
  if (result === "aborted") throw toEndedProblem(c.req.raw);
  if (result === "timeout") throw stateNotReached(node, name, condition);
}

function isOver({ clock }: NodeApi, name: string, { isActive, minTick }: Condition): boolean {
  if (clock.epoch === "") return false;
  const tick = clock.ticks[clock.indexOf(name)];
  if (tick === undefined) return true;
  return tick >= minTick && (isActive === undefined || isActive === (tick % 2 === 1));
}

function stateNotReached(
  node: NodeApi,
  name: string,
  { isActive, minTick, waitMs }: Condition,
): HttpProblem {
  requireAgeMs(node);
  const { clock } = node;
  const tick = clock.ticks[clock.indexOf(name)]!;
  const wanted = [
    ...(isActive === undefined ? [] : [isActive ? "active" : "inactive"]),
    ...(minTick > 0 ? [`at tick ${minTick}`] : []),
  ];
  return new HttpProblem(
    504,
    "state-not-reached",
    `Cannot show state "${name}" ${wanted.join(" and ")} within ${waitMs} ms: on node "${node.name}" it is ${tick % 2 === 1 ? "active" : "inactive"} at tick ${tick}`,
    {
      members: {
        state: name,
        active: tick % 2 === 1,
        tick,
        version: clock.version,
        waitMs,
      },
    },
  );
}
