/**
 * Sends notices to a web server, one at a time and in order, with a timeout and retries. Each notice
 * has a key, so the server can recognize a repeated one. The queue is bounded whatever the server does.
 */

import { sleep, systemTime, type TimeSource, withDeadline } from "../../replication/mod.ts";

export interface Notice {
  /** Identifies the event, even from another process or after a restart. Sent as `idempotency-key`. */
  readonly key: string;
  /** Sent as JSON. */
  readonly body: object;
  /** W3C trace context of its cause. */
  readonly traceparent: string | undefined;
}

/** Receives what happens to notices. */
export interface WebhookTracer {
  delivered(notice: Notice, attempts: number): void;
  /** An attempt failed; the next one follows after `waitMs`. */
  retried(notice: Notice, attempt: number, reason: string, waitMs: number): void;
  /** The notice is dropped. */
  lost(notice: Notice, reason: string): void;
}

export interface WebhookOptions {
  readonly url: string;
  readonly tracer: WebhookTracer;
  /** Longest wait for a response, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
  /** Most attempts per notice. Default 8. */
  readonly maxAttempts?: number;
  /** Longest wait after the first failure, in milliseconds; doubles with each failure. Default 500. */
  readonly minRetryMs?: number;
  /** Upper limit of all waits, in milliseconds. Default 30,000. */
  readonly maxRetryMs?: number;
  /** Most waiting notices; one more drops the oldest, which is worth least. Default 1,000. */
  readonly capacity?: number;
  readonly fetch?: (request: Request) => Promise<Response>;
  readonly time?: TimeSource;
  /** Returns numbers >= 0 and < 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** Why an attempt failed. */
type Failure = { readonly reason: string; readonly isFinal: boolean; readonly afterMs?: number };

/** Statuses besides 5xx after which a retry may succeed. */
const RETRIABLE = [408, 425, 429];

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

  /** Number of notices that are being sent or wait. */
  get pending(): number {
    return this.#queue.length + (this.#running === undefined ? 0 : 1);
  }

  /** Queues a notice; returns immediately. */
  send(notice: Notice): void {
    const { tracer, capacity } = this.#options;
    if (this.#isClosed) {
      tracer.lost(notice, "the sender has stopped");
      return;
    }
    if (this.#queue.length >= capacity)
      tracer.lost(this.#queue.shift()!, `${capacity} others are already waiting`);
    this.#queue.push(notice);
    this.#running ??= this.#run();
  }

  /** Accepts no more notices. Sends the waiting ones for at most `graceMs`; the rest are lost. */
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
    const { tracer, maxAttempts } = this.#options;
    const { signal } = this.#closing;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const failure = await this.#post(notice);
      if (failure === undefined) return tracer.delivered(notice, attempt);
      if (signal.aborted) break;
      const { reason, isFinal, afterMs } = failure;
      if (isFinal) return tracer.lost(notice, reason);
      if (attempt >= maxAttempts) return tracer.lost(notice, `${reason}, ${attempt} times`);
      const waitMs = this.#waitMs(attempt, afterMs);
      tracer.retried(notice, attempt, reason, waitMs);
      await sleep(this.#options.time, waitMs, signal);
    }
    tracer.lost(notice, "the sender stopped first");
  }

  async #post({ key, body, traceparent }: Notice): Promise<Failure | undefined> {
    const { url, timeoutMs, time, fetch } = this.#options;
    const request = {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": key,
        ...(traceparent !== undefined && { traceparent }),
      },
      body: JSON.stringify(body),
      // A redirect would turn the POST into a GET to an unknown server.
      redirect: "manual",
    } as const;
    const post = async (signal: AbortSignal) => {
      const response = await fetch(new Request(url, { ...request, signal }));
      await response.body?.cancel();
      return response.ok ? undefined : toFailure(response);
    };
    const { signal } = this.#closing;
    const toError = () => new DOMException(`no response within ${timeoutMs} ms`, "TimeoutError");
    try {
      return await withDeadline(post, { time, timeoutMs, toError, signal });
    } catch (thrown) {
      const isTimeout = thrown instanceof DOMException && thrown.name === "TimeoutError";
      const reason = isTimeout ? thrown.message : `no connection (${causeOf(thrown)})`;
      return { reason, isFinal: false };
    }
  }

  /** The wait that the server requests, otherwise exponential backoff with full jitter. */
  #waitMs(attempt: number, afterMs: number | undefined): number {
    const { minRetryMs, maxRetryMs, random } = this.#options;
    if (afterMs !== undefined) return Math.min(afterMs, maxRetryMs);
    return Math.round(random() * Math.min(maxRetryMs, minRetryMs * 2 ** (attempt - 1)));
  }
}

function toFailure({ status, headers }: Response): Failure {
  const isFinal = status < 500 && !RETRIABLE.includes(status);
  // Only the form in seconds: a date would require both clocks to agree.
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
