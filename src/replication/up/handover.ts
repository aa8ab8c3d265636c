/** How a replica goes over to another upstream without a break: the other stream begins before the one in use is left. */

import type { TimeSource } from "../clock/time_source.ts";
import { sleep } from "../clock/waiting.ts";
import type { Received, UpstreamStream } from "./upstream_stream.ts";

/** A stream that has begun, with the start that was read from it. */
export interface Begun {
  readonly stream: UpstreamStream;
  readonly first: Received;
}

/** How another upstream is tried beside the one in use. */
export interface Candidate {
  readonly open: () => UpstreamStream;
  /** Throws if a stream that starts so must not be followed. */
  readonly check: (first: Received) => void;
}

/** An upstream that is a little behind us is given this many heartbeats to catch up. */
const MAX_HEARTBEATS = 3;

/** The stream, if the upstream takes us and may be followed; it is the caller's from then on. */
async function begin(candidate: Candidate, signal: AbortSignal): Promise<Begun | undefined> {
  const stream = candidate.open();
  const stop = () => stream.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    let first = await stream.next();
    // Heartbeats before its start mean that it has no clock, at seq 0, or one that is behind ours.
    for (
      let i = 0;
      i < MAX_HEARTBEATS && first?.message.start === undefined && first?.message.seq;
      i++
    )
      first = await stream.next();
    if (first?.message.start !== undefined && !signal.aborted && !first.message.isDraining) {
      candidate.check(first);
      return { stream, first };
    }
  } catch {
    // It is away or no good: the stream in use goes on.
  } finally {
    signal.removeEventListener("abort", stop);
  }
  stream.close();
  return undefined;
}

/** Tries each candidate once, in order. Resolves to the first that begins, or undefined, also when `signal` aborts. */
export async function beginWithAny(
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Begun | undefined> {
  for (const candidate of candidates) {
    const begun = await begin(candidate, signal);
    if (begun !== undefined || signal.aborted) return begun;
  }
  return undefined;
}

/**
 * Tries the candidate from time to time, after half of `retryMs` to all of it, so that many do not
 * return at once. Resolves once it begins, or to undefined when `signal` aborts.
 */
export async function beginInTime(
  candidate: Candidate,
  signal: AbortSignal,
  pace: { readonly time: TimeSource; readonly random: () => number; readonly retryMs: number },
): Promise<Begun | undefined> {
  const { time, random, retryMs } = pace;
  while (!signal.aborted) {
    await sleep(time, retryMs * (0.5 + random() / 2), signal);
    if (signal.aborted) return undefined;
    const begun = await begin(candidate, signal);
    if (begun !== undefined) return begun;
  }
  return undefined;
}
