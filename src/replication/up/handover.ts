/** How a replica moves to another upstream without a break: the new stream begins before the old one is left. */

import type { TimeSource } from "../clock/time_source.ts";
import { sleep } from "../clock/waiting.ts";
import type { Received } from "./follower.ts";
import type { UpstreamStream } from "./upstream_stream.ts";

/** A stream that has begun, with the start that was read from it. */
export interface Begun {
  readonly stream: UpstreamStream;
  readonly first: Received;
}

/** Another upstream, tried while the current one is in use. */
export interface Candidate {
  readonly open: () => UpstreamStream;
  /** Whether a stream that starts with `first` may be followed. */
  readonly isFit: (first: Received) => boolean;
}

/** How many heartbeats an upstream that is a little behind us has to catch up. */
const MAX_HEARTBEATS = 3;

/** The stream if the upstream accepts us and may be followed; the caller owns it from then on. */
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
    if (
      first?.message.start !== undefined &&
      !signal.aborted &&
      !first.message.isDraining &&
      candidate.isFit(first)
    )
      return { stream, first };
  } catch {
    // It cannot be reached, or is unfit: the current stream continues.
  } finally {
    signal.removeEventListener("abort", stop);
  }
  stream.close();
  return undefined;
}

/** Tries each candidate once, in order. Resolves to the first that begins; to undefined if none does, or `signal` aborts. */
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
 * Tries the candidate repeatedly, after between half of `retryMs` and all of it, so that many replicas do
 * not return at once. Resolves once it begins, or to undefined when `signal` aborts.
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
