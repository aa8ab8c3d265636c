/** How long to wait before the next try: exponential, capped, with full jitter, so that many do not come back at once. */

export interface BackoffOptions {
  /** Longest wait after the first failure, in milliseconds. Default 100. */
  readonly minMs?: number;
  /** Longest wait at all, in milliseconds. Default 2,000: a node that comes back is found before its replicas count as stale. */
  readonly maxMs?: number;
}

/** A wait of 0 up to the step's longest; `failures` counts from 1, `random` gives [0, 1). */
export function backoffMs(
  failures: number,
  random: () => number,
  options: BackoffOptions = {},
): number {
  const { minMs = 100, maxMs = 2_000 } = options;
  return random() * Math.min(maxMs, minMs * 2 ** (failures - 1));
}
