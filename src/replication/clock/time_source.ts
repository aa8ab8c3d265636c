/** Time, passed in from outside so that tests and simulations can move it. */

export interface TimeSource {
  /** Wall time, in milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Calls `run` once, at the earliest `delayMs` from now. Returns a function that cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
  /** Calls `run` once, after everything else that already waits for this process. Returns a function that cancels it. */
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

/** The runtime's timers take at least a millisecond: shorter waits go turn by turn of the event loop. */
function waitTurns(untilMs: number, run: () => void): () => void {
  let cancel = () => {};
  const wait = () => {
    cancel = systemTime.defer(() => (performance.now() < untilMs ? wait() : run()));
  };
  wait();
  return () => cancel();
}

/**
 * Browsers have no `setImmediate`, and their timers wait for at least a millisecond: a message serves
 * instead. Each call uses its own channel, as a runtime may handle many messages of one channel before it
 * polls its sockets.
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
