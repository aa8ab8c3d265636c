/** The transport of browsers, and of whatever else has a `fetch` that reaches the node. */

import type { Transport } from "./client.ts";

/**
 * `fetch` itself, for a replica in a page: give it the address of a node's HTTP API with its scheme,
 * such as `https://leaf.example`. The node must name the page's origin in `TST_CORS_ORIGINS`. Cookies
 * are not sent. Over HTTP/1.1 a browser opens six connections to a host at most, and a stream takes one.
 */
export const fetchTransport: Transport = (request, { signal }) =>
  fetch(request, {
    signal,
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
