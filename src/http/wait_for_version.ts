/** Waits for a version, so that a client can read its own writes at any node. */

import type { NodeApi } from "./node_api.ts";
import type { Version } from "./version.ts";

/** How a wait ended. */
export type WaitResult = "reached" | "timeout" | "aborted";

/**
 * Whether the node's clock is at `version` or later in the same epoch; false in another epoch, as
 * versions of two epochs have no order. Without a version: whether the node has a clock.
 */
export function hasReached({ clock }: NodeApi, version: Version | undefined): boolean {
  if (version === undefined) return clock.epoch !== "";
  return clock.epoch === version.epoch && clock.seq >= version.seq;
}

/**
 * Waits until {@linkcode hasReached}, for at most `waitMs` milliseconds. The version may be of an
 * epoch that this node does not know yet (the root has restarted, and the writer knows already), so
 * a wait for another epoch is not an error. A wait for a past epoch ends in "timeout".
 */
export function waitForVersion(
  node: NodeApi,
  version: Version | undefined,
  waitMs: number,
  signal: AbortSignal,
): Promise<WaitResult> {
  if (hasReached(node, version)) return Promise.resolve("reached");
  if (signal.aborted) return Promise.resolve("aborted");
  if (waitMs === 0) return Promise.resolve("timeout");
  return new Promise((resolve) => {
    const end = (result: WaitResult): void => {
      unsubscribe();
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
      resolve(result);
    };
    const onAbort = (): void => end("aborted");
    const unsubscribe = node.clock.onChange(() => {
      if (hasReached(node, version)) end("reached");
    });
    const cancelTimer = node.time.setTimer(waitMs, () => end("timeout"));
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
