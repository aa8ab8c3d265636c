/** How long to wait before the next try: exponential and capped, with full jitter, so that many nodes do not return at once. */

export interface BackoffOptions {
  /** Longest wait after the first failure, in milliseconds. Default 100. */
  readonly minMs?: number;
  /** Longest wait after any failure, in milliseconds. Default 2,000: a node that returns is found before its replicas count as stale. */
  readonly maxMs?: number;
}

/** Returns a wait between 0 and the longest of its step, in milliseconds. `failures` counts from 1; `random` returns numbers in [0, 1). */
export function backoffMs(
  failures: number,
  random: () => number,
  options: BackoffOptions = {},
): number {
  const { minMs = 100, maxMs = 2_000 } = options;
  return random() * Math.min(maxMs, minMs * 2 ** (failures - 1));
}
