/** Calls of handlers on a replica: how long they take, what becomes of their errors, and how many may be under way. */

import { MachineError, throwLater, toError } from "../machine/mod.ts";
import type { TimeSource } from "../replication/mod.ts";
import { type ReplicaChange, ReplicaEvent } from "./replica_event.ts";
import type { BoundReplicaHandler, ReplicaBinding } from "./replica_handlers.ts";
import type { ReplicaMachine } from "./replica_machine.ts";
import type { Flip } from "./told_clock.ts";

/** Hooks around handlers, for telemetry. What they throw goes to `onError`. */
export interface HandlerTracer {
  handlerStart?(event: ReplicaEvent, bindingId: string): void;
  /** It has returned, the promise that it returned has settled, or its time is over. Once for each start. */
  handlerEnd?(event: ReplicaEvent, bindingId: string, error: Error | undefined): void;
}

export interface HandlerRunsOptions {
  readonly handlerTimeoutMs: number;
  readonly handlerDeadlineMs: number;
  readonly maxRunning: number;
  readonly time: TimeSource;
  readonly tracer: HandlerTracer | undefined;
  readonly onError: (error: Error, event: ReplicaEvent | undefined) => void;
  /** There is room again. */
  readonly onRoom: () => void;
}

export class HandlerRuns {
  readonly #options: HandlerRunsOptions;
  #running = 0;
  #idle = Promise.withResolvers<void>();

  constructor(options: HandlerRunsOptions) {
    this.#options = options;
  }

  /** Number of async handlers under way. */
  get running(): number {
    return this.#running;
  }

  get isFull(): boolean {
    return this.#running >= this.#options.maxRunning;
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#running > 0) await this.#idle.promise;
  }

  /** Calls one handler. Never throws. */
  call(
    machine: ReplicaMachine,
    { id }: ReplicaBinding,
    handler: BoundReplicaHandler,
    flip: Flip | undefined,
    change: ReplicaChange,
  ): void {
    const { time, tracer, handlerTimeoutMs } = this.#options;
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
      error = timedOut(event, `held everything up for ${Math.round(tookMs)} ms`);
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
      const error = timedOut(event, `is not done after ${handlerDeadlineMs} ms`);
      deadline.pass(error);
      end(error);
    });
    promise.then(
      () => end(),
      (thrown: unknown) => end(isNews(thrown, event) ? toError(thrown) : undefined),
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

/** A signal that is only made for who asks for it. */
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

/** Whether a handler failed, and did not just stop as its signal told it to. */
function isNews(thrown: unknown, event: ReplicaEvent): boolean {
  const isAbort =
    thrown === event.signal.reason || (thrown instanceof Error && thrown.name === "AbortError");
  return !(isAbort && event.signal.aborted);
}

function timedOut({ name, machine }: ReplicaEvent, what: string): MachineError {
  return new MachineError("handler_timeout", `Handler "${name}" of "${machine.id}" ${what}`);
}
