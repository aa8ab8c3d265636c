/** Waiting for a version, which is what makes reading your own writes possible at any node. */

import type { NodeApi } from "./node_api.ts";
import type { Version } from "./version.ts";

/** How a wait ended. */
export type WaitResult = "reached" | "timeout" | "aborted";

/** Whether the node's clock is at `version` or later in the same epoch; of another epoch nothing can be said: false. Without a version: whether it has a clock. */
export function hasReached({ clock }: NodeApi, version: Version | undefined): boolean {
  if (version === undefined) return clock.epoch !== "";
  return clock.epoch === version.epoch && clock.seq >= version.seq;
}

/**
 * Waits until {@linkcode hasReached}, for at most `waitMs` milliseconds. The version's epoch may be
 * one that this node has not heard of yet (the root restarted, and the writer knows it already), so
 * another epoch is waited for as well; one that is over is never reached and ends in "timeout".
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
