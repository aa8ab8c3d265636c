/** `GET /states/stream`: the clock's changes as server-sent events (WHATWG HTML, section 9.2). */

import { parseEventId } from "./event_id.ts";
import { HttpProblem } from "./problem.ts";
import { stateHeaders } from "./response.ts";
import type { Route } from "./route.ts";
import type { RouteContext } from "./route_context.ts";
import { StateEvents } from "./state_events.ts";
import { StateStream } from "./state_stream.ts";

/**
 * Makes `GET /states/stream`. First comes `snapshot` (every state's tick, as in `GET /clocks`), then
 * a `diff` per version with the ticks that changed; odd is active. An event's id is its version,
 * with a mark on nodes that follow a selection.
 * `Last-Event-ID` resumes with what changed since, merged into one diff, if it is of this epoch;
 * else, or if it is no version, with a snapshot. Comments `: age-ms N` keep quiet streams alive.
 */
export function createStreamRoute({ node, options }: RouteContext): Route {
  const events = new StateEvents(node);
  let openStreams = 0;
  return {
    method: "GET",
    path: "/states/stream",
    handle: (c, exchange) => {
      const headers = {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        // Asks nginx, and proxies that follow it, not to collect the events.
        "x-accel-buffering": "no",
        ...stateHeaders(node),
      };
      // Hono answers HEAD by GET and drops the body without a word to it: a stream would run on for ever.
      if (c.req.method === "HEAD") return new Response(null, { headers });
      if (openStreams >= options.maxStreams) {
        throw new HttpProblem(
          503,
          "too-many-streams",
          `Cannot open another event stream: ${openStreams} are open, which is the limit`,
          { headers: { "retry-after": "1" } },
        );
      }
      const stream = new StateStream(node, events, {
        after: parseEventId(node, c.req.header("last-event-id") ?? ""),
        heartbeatIntervalMs: options.streamHeartbeatIntervalMs,
        bufferBytes: options.streamBufferBytes,
        signal: AbortSignal.any([exchange.signal, ...(options.draining ? [options.draining] : [])]),
      });
      openStreams++;
      exchange.continueUntil(
        stream.done.then(() => {
          openStreams--;
        }),
      );
      return new Response(stream.body, { headers });
    },
  };
}
