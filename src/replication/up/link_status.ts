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
 * - `connecting`: there is no clock yet, and no stream.
 * - `syncing`: a stream is open, but has not proven a clock yet.
 * - `live`: the clock follows the upstream.
 * - `stale`: there is a clock, but no stream; the clock is served with its age.
 * - `closed`: final.
 */
export type LinkStatus = "connecting" | "syncing" | "live" | "stale" | "closed";

/** `resync`: a message cannot be applied; the stream is abandoned for a snapshot. */
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
