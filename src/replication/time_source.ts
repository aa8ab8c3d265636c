/** Time as this project takes it: given from outside, so that tests and simulations move it. */

export interface TimeSource {
  /** Wall time, in milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Calls `run` once, `delayMs` from now at the earliest. Returns what cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** The real time of the process. */
export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
