/** Waits for a node's clock, and the query parameters that ask for them. */

import type { NodeApi } from "./node_api.ts";
import { DEFAULT_WAIT_MS, MAX_WAIT_MS } from "./options.ts";
import { HttpProblem } from "./problem.ts";

/** How a wait ended. */
export type WaitResult = "reached" | "timeout" | "aborted";

/** Waits until `isReached`, which is checked now and after each change of the clock, for at most `waitMs` milliseconds. */
export function waitForClock(
  node: NodeApi,
  isReached: () => boolean,
  waitMs: number,
  signal: AbortSignal,
): Promise<WaitResult> {
  if (isReached()) return Promise.resolve("reached");
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
      if (isReached()) end("reached");
    });
    const cancelTimer = node.time.setTimer(waitMs, () => end("timeout"));
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** The value of `?wait=`, by default {@linkcode DEFAULT_WAIT_MS}. Throws a 400 problem if it is not one. */
export function readWaitMs(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WAIT_MS;
  if (!/^\d{1,9}$/.test(text) || Number(text) > MAX_WAIT_MS) {
    throw invalidParameter("wait", text, `not an integer of milliseconds from 0 to ${MAX_WAIT_MS}`);
  }
  return Number(text);
}

/** The 400 problem of a query parameter. `isWhat` says what the value is instead of what is right. */
export function invalidParameter(name: string, value: string, isWhat: string): HttpProblem {
  return new HttpProblem(
    400,
    "invalid-parameter",
    `Cannot read parameter "${name}": "${value}" is ${isWhat}`,
    { members: { parameter: name } },
  );
}
