/** Waits and mutations in one: add and wait, waits over several machines, and retries of canceled mutations. */

import type { ClockView, Names, WaitOptions } from "../clock_view.ts";
import { MachineError } from "../errors.ts";
import type { Machine } from "../machine.ts";
import type { MutationArgs, MutationOptions, MutationResult } from "../mutation.ts";

export interface AddAndWaitOptions<N extends string = string> extends WaitOptions, MutationOptions {
  readonly args?: MutationArgs;
  /** The states to wait for. Default: those that are added. */
  readonly waitFor?: Names<N>;
}

/**
 * Adds states and waits until they are active, or other ones that follow from them. Resolves with the result of the
 * add; at once if it is canceled. Rejects with the signal's reason.
 */
export async function addAndWait<N extends string>(
  machine: Machine<N>,
  states: Names<NoInfer<N>>,
  options: AddAndWaitOptions<NoInfer<N>> = {},
): Promise<MutationResult<N>> {
  const { args, waitFor = states, signal, context } = options;
  const canceled = new AbortController();
  const signals = signal === undefined ? [canceled.signal] : [canceled.signal, signal];
  // The wait comes first, to see states that are active only for a moment.
  let hasSeen = false;
  const seen = machine.when(waitFor, { signal: AbortSignal.any(signals) }).then(() => {
    hasSeen = true;
  });
  seen.catch(() => {});
  try {
    const result = machine.add(states, args as never, { context });
    if (result.result === "canceled") return result;
    if (result.result === "queued" && options.waitFor === undefined) {
      await machine.whenQueue(result);
      if (!hasSeen) {
        signal?.throwIfAborted();
        const rejected = { by: "the queue: it did not activate the states" };
        return { result: "canceled", rejected };
      }
    }
    await seen;
    return { result: "executed" };
  } finally {
    canceled.abort();
  }
}

/** What to wait for: a machine, or its like on a replica, and its states. */
export type AwaitedStates<N extends string = string> = readonly [
  view: ClockView<N> & { readonly signal: AbortSignal },
  states: Names<N>,
];

/**
 * Resolves when all states of all machines are active at the same time. Rejects with the signal's reason, and with a
 * `MachineError` when one of the machines is disposed.
 */
export async function whenAll(
  awaited: readonly AwaitedStates[],
  options: WaitOptions = {},
): Promise<void> {
  const isEach = () => awaited.every(([view, states]) => view.is(states));
  do {
    await Promise.all(awaited.map((each) => whenLive(each, options.signal)));
  } while (!isEach());
}

/** Resolves with the index of the first entry whose states are all active. Rejects like {@linkcode whenAll}. */
export async function whenAny(
  awaited: readonly AwaitedStates[],
  options: WaitOptions = {},
): Promise<number> {
  if (awaited.length === 0) throw new RangeError("Cannot wait for the first of no machines");
  const over = new AbortController();
  const { signal } = options;
  const both = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const waits = awaited.map(async (each, index) => {
    await whenLive(each, both);
    return index;
  });
  try {
    return await Promise.race(waits);
  } finally {
    over.abort();
    await Promise.allSettled(waits);
  }
}

async function whenLive(
  [view, states]: AwaitedStates,
  signal: AbortSignal | undefined,
): Promise<void> {
  await view.when(states, signal === undefined ? {} : { signal });
  // On a disposed machine every wait resolves.
  if (view.signal.aborted) {
    throw new MachineError("disposed", `Cannot wait for machine "${view.id}": it is disposed`);
  }
}

export interface RetryOptions extends WaitOptions {
  /** Most runs in all. Default 5. */
  readonly attempts?: number;
  /** Delay before the first repetition, which doubles each time. In milliseconds, default 100. */
  readonly initialDelayMs?: number;
  /** Longest delay, in milliseconds. Default 10,000. */
  readonly maxDelayMs?: number;
  /** Waits for so many milliseconds. Default: a timer. */
  readonly delay?: (ms: number) => Promise<void>;
  /** A number from 0 to 1: each delay is cut by up to a half, so that several callers spread. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Runs a mutation until it is not canceled, with growing delays in between. Resolves with the last result. Rejects
 * with what `run` throws, and with the signal's reason.
 */
export async function retryMutation<R extends { readonly result: string }>(
  run: () => R | Promise<R>,
  options: RetryOptions = {},
): Promise<R> {
  const { attempts = 5, initialDelayMs = 100, maxDelayMs = 10_000, signal } = options;
  const { delay = (ms) => timer(ms, signal), random = Math.random } = options;
  if (!(attempts >= 1))
    throw new RangeError(`Cannot retry: attempts is ${attempts}, not 1 or more`);
  for (const [name, ms] of Object.entries({ initialDelayMs, maxDelayMs }))
    if (!(ms >= 0)) throw new RangeError(`Cannot retry: ${name} is ${ms}, not a number >= 0`);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const result = await run();
    if (result.result !== "canceled" || attempt >= attempts) return result;
    const longest = Math.min(initialDelayMs * 2 ** (attempt - 1), maxDelayMs);
    await delay(longest * (0.5 + random() / 2));
  }
}

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(id);
      reject(signal!.reason);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
