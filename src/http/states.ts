/** `GET /states`: the active states, as JSON or as text. */

import type { Context } from "hono";
import { negotiateMediaType } from "./accept.ts";
import { ClockBodies } from "./clock_bodies.ts";
import type { NodeApi } from "./node_api.ts";
import type { RouteContext } from "./options.ts";
import { HttpProblem, toEndedProblem } from "./problem.ts";
import { JSON_TYPE, requireAgeMs, respondWithStates, TEXT_TYPE } from "./response.ts";
import type { Exchange, Route } from "./route.ts";
import { hasReached, parseVersion, type Version, waitForVersion } from "./version.ts";
import { invalidParameter, readWaitMs } from "./waits.ts";

/** The media types of `GET /states`, the preferred first. */
const MEDIA_TYPES = ["application/json", "text/plain"] as const;

/**
 * Creates the routes of `/states` and `/clocks`, which share the bodies encoded per version.
 *
 * `GET /states` takes `?prefix=` (shows only names with this prefix), and `?min-version=V` with
 * `?wait=MS` (0 to 30,000, default 1,000): the response waits until this node is at V or later in V's
 * epoch, and is 504 if that takes longer than the wait. A node without a clock yet waits equally long
 * for its first. A node that follows a selection shows only these states: `time` is the sum of their
 * ticks, and the version may advance without a change of any of them.
 */
export function createStatesRoutes({ node }: RouteContext): Route[] {
  const bodies = new ClockBodies(node);
  return [
    {
      method: "GET",
      path: "/states",
      handle: (c, exchange) => handleStates(c, exchange, node, bodies),
    },
    {
      method: "GET",
      path: "/clocks",
      handle: (c) =>
        respondWithStates(c, node, { contentType: JSON_TYPE, encode: () => bodies.clocksJson() }),
    },
  ];
}

async function handleStates(
  c: Context,
  exchange: Exchange,
  node: NodeApi,
  bodies: ClockBodies,
): Promise<Response> {
  const prefix = c.req.query("prefix") ?? "";
  const minVersion = readMinVersion(c.req.query("min-version"));
  const waitMs = readWaitMs(c.req.query("wait"));
  const mediaType = negotiateMediaType(c.req.header("accept"), MEDIA_TYPES);
  if (mediaType === undefined) {
    throw new HttpProblem(
      406,
      "not-acceptable",
      `Cannot send "${c.req.header("accept")}": available are ${MEDIA_TYPES.join(" and ")}`,
      { members: { available: MEDIA_TYPES }, headers: { vary: "accept" } },
    );
  }
  if (!hasReached(node, minVersion)) {
    const result = await waitForVersion(node, minVersion, waitMs, exchange.signal);
    if (result === "aborted") throw toEndedProblem(c.req.raw);
    if (result === "timeout" && minVersion !== undefined)
      throw versionNotReached(node, minVersion, waitMs);
  }
  const isJson = mediaType === "application/json";
  return respondWithStates(c, node, {
    contentType: isJson ? JSON_TYPE : TEXT_TYPE,
    headers: { vary: "accept" },
    encode: () => {
      if (prefix === "") return isJson ? bodies.statesJson() : bodies.statesText();
      return isJson ? bodies.statesJsonOf(prefix) : bodies.statesTextOf(prefix);
    },
  });
}

function versionNotReached(node: NodeApi, version: Version, waitMs: number): HttpProblem {
  requireAgeMs(node);
  const minVersion = `${version.epoch}-${version.seq}`;
  const { version: current, epoch } = node.clock;
  const hint = epoch === version.epoch ? "" : ", of another epoch";
  return new HttpProblem(
    504,
    "version-not-reached",
    `Cannot show version ${minVersion} within ${waitMs} ms: node "${node.name}" is at ${current}${hint}`,
    { members: { minVersion, version: current, waitMs } },
  );
}

function readMinVersion(text: string | undefined): Version | undefined {
  if (text === undefined) return undefined;
  const version = parseVersion(text);
  if (version === undefined) {
    throw invalidParameter(
      "min-version",
      text,
      "not a version, which is the epoch in lower-case hex, a dash and the seq, such as 00c0ffee00c0ffee-42",
    );
  }
  return version;
}
