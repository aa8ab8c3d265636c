/**
 * Tells a web server of things that happened, one after another in their order: with a timeout and
 * retries, each notice under a key by which the server knows one that comes twice, and with a queue
 * that stays small whatever the server does.
 */

import { systemTime, type TimeSource } from "../../replication/mod.ts";

export interface Notice {
  /** The same for the same thing, also from another process or after a restart. Sent as `idempotency-key`. */
  readonly key: string;
  /** Sent as JSON. */
  readonly body: object;
  /** W3C trace context of what caused it. */
  readonly traceparent: string | undefined;
}

/** What became of notices. */
export interface WebhookObserver {
  delivered(notice: Notice, attempts: number): void;
  /** It is tried again after `waitMs`. */
  retried(notice: Notice, attempt: number, reason: string, waitMs: number): void;
  /** It is not tried again. */
  lost(notice: Notice, reason: string): void;
}

export interface WebhookOptions {
  readonly url: string;
  readonly observer: WebhookObserver;
  /** Longest that the server may take for an answer, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
  /** How often a notice is tried. Default 8. */
  readonly maxAttempts?: number;
  /** Longest wait after the first failure, in milliseconds; it doubles with each. Default 500. */
  readonly minRetryMs?: number;
  /** Longest wait at all, in milliseconds. Default 30,000. */
  readonly maxRetryMs?: number;
  /** Notices that may wait. One more, and the oldest is dropped: it is the least worth. Default 1,000. */
  readonly capacity?: number;
  readonly fetch?: (request: Request) => Promise<Response>;
  readonly time?: TimeSource;
  /** Gives [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
}

/** How one try ended: undefined is well. */
type Failure = { readonly reason: string; readonly isFinal: boolean; readonly afterMs?: number };

/** Statuses besides 5xx that may be another one the next time. */
const PASSING = [408, 425, 429];

export class Webhook {
  readonly #options: Required<WebhookOptions>;
  readonly #queue: Notice[] = [];
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined = undefined;
  #isClosed = false;

  constructor(options: WebhookOptions) {
    this.#options = {
      timeoutMs: 5_000,
      maxAttempts: 8,
      minRetryMs: 500,
      maxRetryMs: 30_000,
      capacity: 1_000,
      fetch: (request) => fetch(request),
      time: systemTime,
      random: Math.random,
      ...options,
    };
  }

  /** Notices that are under way or wait. */
  get pending(): number {
    return this.#queue.length + (this.#running === undefined ? 0 : 1);
  }

  /** Takes a notice; returns at once. */
  send(notice: Notice): void {
    const { observer, capacity } = this.#options;
    if (this.#isClosed) {
      observer.lost(notice, "the sender has stopped");
      return;
    }
    if (this.#queue.length >= capacity)
      observer.lost(this.#queue.shift()!, `${capacity} others wait already`);
    this.#queue.push(notice);
    this.#running ??= this.#run();
  }

  /** Takes no more; goes on for `graceMs` at most with what waits, the rest is lost. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const cancel = this.#options.time.setTimer(graceMs, () => this.#closing.abort());
    await this.#running;
    cancel();
  }

  async #run(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
      await this.#deliver(next);
    this.#running = undefined;
  }

  async #deliver(notice: Notice): Promise<void> {
    const { observer, maxAttempts } = this.#options;
    const { signal } = this.#closing;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const failure = await this.#post(notice);
      if (failure === undefined) return observer.delivered(notice, attempt);
      if (signal.aborted) break;
      const { reason, isFinal, afterMs } = failure;
      if (isFinal) return observer.lost(notice, reason);
      if (attempt >= maxAttempts) return observer.lost(notice, `${reason}, ${attempt} times`);
      const waitMs = this.#waitMs(attempt, afterMs);
      observer.retried(notice, attempt, reason, waitMs);
      await sleep(this.#options.time, waitMs, signal);
    }
    observer.lost(notice, "there was no more time");
  }

  async #post({ key, body, traceparent }: Notice): Promise<Failure | undefined> {
    const { url, timeoutMs, time, fetch } = this.#options;
    const timeout = new AbortController();
    const cancel = time.setTimer(timeoutMs, () => timeout.abort());
    try {
      const response = await fetch(
        new Request(url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "idempotency-key": key,
            ...(traceparent !== undefined && { traceparent }),
          },
          body: JSON.stringify(body),
          // A redirect of a POST is a GET to who knows whom.
          redirect: "manual",
          signal: AbortSignal.any([timeout.signal, this.#closing.signal]),
        }),
      );
      await response.body?.cancel();
      return response.ok ? undefined : toFailure(response);
    } catch (thrown) {
      const reason = timeout.signal.aborted
        ? `no answer within ${timeoutMs} ms`
        : `no connection (${causeOf(thrown)})`;
      return { reason, isFinal: false };
    } finally {
      cancel();
    }
  }

  /** What the server asks for, else exponential with full jitter. */
  #waitMs(attempt: number, afterMs: number | undefined): number {
    const { minRetryMs, maxRetryMs, random } = this.#options;
    if (afterMs !== undefined) return Math.min(afterMs, maxRetryMs);
    return Math.round(random() * Math.min(maxRetryMs, minRetryMs * 2 ** (attempt - 1)));
  }
}

function toFailure({ status, headers }: Response): Failure {
  const isFinal = status < 500 && !PASSING.includes(status);
  // The form with a date would need both clocks to agree.
  const seconds = headers.get("retry-after") ?? "";
  return {
    reason: `status ${status}`,
    isFinal,
    ...(/^\d+$/.test(seconds) && { afterMs: Number(seconds) * 1_000 }),
  };
}

function causeOf(thrown: unknown): string {
  const { cause = thrown } = thrown as { cause?: unknown };
  return (cause as { code?: string }).code ?? String(cause);
}

function sleep(time: TimeSource, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = time.setTimer(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
