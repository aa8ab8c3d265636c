/** `GET /states/stream`: the clock's changes as server-sent events (WHATWG HTML, section 9.2). */

import type { RouteContext } from "./options.ts";
import { HttpProblem } from "./problem.ts";
import { stateHeaders } from "./response.ts";
import type { Route } from "./route.ts";
import { parseEventId, StateEvents } from "./state_events.ts";
import { StateStream } from "./state_stream.ts";

/**
 * Creates `GET /states/stream`. The first event is a `snapshot` (every state's tick, as in
 * `GET /clocks`); then comes a `diff` per version with the ticks that changed (odd is active). An
 * event's id is its version, with a suffix on nodes that follow a selection.
 * A `Last-Event-ID` of this epoch resumes with the changes since, merged into one diff; any other
 * starts with a snapshot. Comments `: age-ms N` keep idle streams alive.
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
        // Tells nginx, and proxies with the same rule, not to buffer the events.
        "x-accel-buffering": "no",
        ...stateHeaders(node),
      };
      // Hono runs HEAD as GET and drops the body without canceling it: a stream would never end.
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
