/** Calls handlers on a replica: limits their duration and number, and reports their errors. */

import { MachineError, throwLater, toError } from "../machine/mod.ts";
import type { TimeSource } from "../replication/mod.ts";
import { type Flip, type ReplicaChange, ReplicaEvent, type ReplicaView } from "./event.ts";
import type { BoundReplicaHandler, ReplicaBinding } from "./handlers.ts";

/** Hooks around handler calls, for telemetry. Their errors go to `onError`. */
export interface HandlerTracer {
  handlerStart?(event: ReplicaEvent, bindingId: string): void;
  /** Once for each start: when the handler has returned, its promise has settled, or its deadline has passed. */
  handlerEnd?(event: ReplicaEvent, bindingId: string, error: Error | undefined): void;
}

export interface HandlerRunsOptions {
  readonly machine: ReplicaView;
  readonly handlerTimeoutMs: number;
  readonly handlerDeadlineMs: number;
  readonly maxRunning: number;
  readonly time: TimeSource;
  readonly tracer: HandlerTracer | undefined;
  readonly onError: (error: Error, event: ReplicaEvent | undefined) => void;
  /** Called when an async handler ends, which makes room for another. */
  readonly onRoom: () => void;
}

export class HandlerRuns {
  readonly #options: HandlerRunsOptions;
  #running = 0;
  #idle = Promise.withResolvers<void>();

  constructor(options: HandlerRunsOptions) {
    this.#options = options;
  }

  /** Number of running async handlers. */
  get running(): number {
    return this.#running;
  }

  get isFull(): boolean {
    return this.#running >= this.#options.maxRunning;
  }

  /** Resolves when none is running. */
  async idle(): Promise<void> {
    while (this.#running > 0) await this.#idle.promise;
  }

  /** Calls one handler. Never throws. */
  call(
    { id }: ReplicaBinding,
    handler: BoundReplicaHandler,
    flip: Flip | undefined,
    change: ReplicaChange,
  ): void {
    const { machine, time, tracer, handlerTimeoutMs } = this.#options;
    const deadline = new Deadline();
    const event = new ReplicaEvent(handler.name, machine, flip, change, () => deadline.signal);
    this.#guard(() => tracer?.handlerStart?.(event, id));
    const startedAtMs = time.monotonic();
    let error: Error | undefined;
    let returned: unknown;
    try {
      returned = handler.run(event);
    } catch (thrown) {
      error = toError(thrown);
    }
    const tookMs = time.monotonic() - startedAtMs;
    if (error === undefined && tookMs > handlerTimeoutMs)
      error = timedOut(event, `blocked the process for ${Math.round(tookMs)} ms`);
    if (error !== undefined) this.fail(error, event);
    if (returned instanceof Promise) this.#watch(returned, event, id, deadline);
    else this.#guard(() => tracer?.handlerEnd?.(event, id, error));
  }

  fail(error: Error, event?: ReplicaEvent): void {
    try {
      this.#options.onError(error, event);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  #watch(promise: Promise<unknown>, event: ReplicaEvent, id: string, deadline: Deadline): void {
    const { time, tracer, handlerDeadlineMs, onRoom } = this.#options;
    let isOver = false;
    this.#running++;
    const end = (error?: Error) => {
      if (isOver) return;
      isOver = true;
      cancel();
      if (error !== undefined) this.fail(error, event);
      this.#guard(() => tracer?.handlerEnd?.(event, id, error));
      this.#running--;
      if (this.#running === 0) {
        this.#idle.resolve();
        this.#idle = Promise.withResolvers();
      }
      onRoom();
    };
    const cancel = time.setTimer(handlerDeadlineMs, () => {
      const error = timedOut(event, `did not finish within ${handlerDeadlineMs} ms`);
      deadline.pass(error);
      end(error);
    });
    promise.then(
      () => end(),
      (thrown: unknown) => end(isFailure(thrown, event) ? toError(thrown) : undefined),
    );
  }

  #guard(hook: () => void): void {
    try {
      hook();
    } catch (thrown) {
      this.fail(toError(thrown));
    }
  }
}

/** A signal that is created on first use. */
class Deadline {
  #controller: AbortController | undefined = undefined;
  #reason: Error | undefined = undefined;

  get signal(): AbortSignal {
    if (this.#reason !== undefined) return AbortSignal.abort(this.#reason);
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  pass(reason: Error): void {
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/** Whether a handler failed, rather than stopped because its signal aborted. */
function isFailure(thrown: unknown, event: ReplicaEvent): boolean {
  const isAbort =
    thrown === event.signal.reason || (thrown instanceof Error && thrown.name === "AbortError");
  return !(isAbort && event.signal.aborted);
}

function timedOut({ name, machine }: ReplicaEvent, what: string): MachineError {
  return new MachineError("handler_timeout", `Handler "${name}" of "${machine.id}" ${what}`);
}
