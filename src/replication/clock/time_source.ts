/** Time as this project takes it: given from outside, so that tests and simulations move it. */

export interface TimeSource {
  /** Wall time, in milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Calls `run` once, `delayMs` from now at the earliest. Returns what cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
  /** Calls `run` once, after whatever else already waits for this process had its turn. Returns what cancels it. */
  defer(run: () => void): () => void;
}

/** The real time of the process. */
export const systemTime: TimeSource = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run) {
    if (delayMs > 0 && delayMs < 1) return waitTurns(performance.now() + delayMs, run);
    const timer = setTimeout(run, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
  defer(run) {
    let isCanceled = false;
    queueMacrotask(() => {
      if (!isCanceled) run();
    });
    return () => {
      isCanceled = true;
    };
  },
};

/** As the runtime's own timers take a millisecond at least, less than that is waited turn by turn. */
function waitTurns(untilMs: number, run: () => void): () => void {
  let cancel = () => {};
  const wait = () => {
    cancel = systemTime.defer(() => (performance.now() < untilMs ? wait() : run()));
  };
  wait();
  return () => cancel();
}

/**
 * Where there is no `setImmediate`, as in browsers, a message does the same: timers wait for a
 * millisecond or more. One channel for each, as a runtime may handle many messages of one channel
 * before it looks at its sockets.
 */
const queueMacrotask: (run: () => void) => void =
  (globalThis as { setImmediate?: (run: () => void) => unknown }).setImmediate ??
  ((run) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      run();
    };
    port2.postMessage(undefined);
  });
