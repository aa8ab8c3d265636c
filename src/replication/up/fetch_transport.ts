/** The transport for browsers, and for every runtime whose `fetch` reaches the node. */

import type { Transport } from "./client.ts";

/**
 * `fetch`, for a replica in a page. The replica's address is that of a node's HTTP API with its scheme, such
 * as `https://leaf.example`; the node must list the page's origin in `TST_CORS_ORIGINS`. Cookies are not
 * sent. Over HTTP/1.1 a browser opens at most six connections to a host, and each stream occupies one.
 */
export const fetchTransport: Transport = (request, { signal }) =>
  fetch(request, {
    signal,
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
