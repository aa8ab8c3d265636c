/**
 * The status of a link upstream, as a pure transition function.
 *
 * ```
 * connecting ──opened──▶ syncing ──synced──▶ live
 *     ▲                     │                 │ lost
 *     └───────lost──────────┘                 ▼
 *                 synced ┌── syncing ◀──opened── stale
 *                        ▼
 *                       live          any ──closed──▶ closed
 * ```
 */

/**
 * - `connecting`: no clock yet, and no stream.
 * - `syncing`: a stream is open, its first clock not yet here.
 * - `live`: the clock follows the upstream.
 * - `stale`: there is a clock, but no stream: it is served with its age.
 * - `closed`: for good.
 */
export type LinkStatus = "connecting" | "syncing" | "live" | "stale" | "closed";

/** `resync`: what came cannot be applied; the stream is given up for a snapshot. */
export type LinkEvent = "opened" | "synced" | "resync" | "lost" | "closed";

/** The status after `event`. `hasClock` says whether a clock was ever received. */
export function nextLinkStatus(
  status: LinkStatus,
  event: LinkEvent,
  hasClock: boolean,
): LinkStatus {
  if (status === "closed" || event === "closed") return "closed";
  switch (event) {
    case "opened":
      return status === "live" ? "live" : "syncing";
    case "synced":
      return status === "syncing" ? "live" : status;
    case "resync":
    case "lost":
      return hasClock ? "stale" : "connecting";
  }
}
