/** Calls handlers, measures how long they run, and turns what they throw into an error of the machine. */

import { isAbortError, MachineError, toError } from "../errors.ts";
import type { HandlerEvent } from "../machine.ts";
import { QueuedMutation } from "../mutation.ts";
import type { Binding, BoundHandler } from "./binding.ts";
import type { EngineContext } from "./engine_context.ts";
import { EngineHandlerEvent } from "./handler_event.ts";
import { rejectionOf } from "./rejection.ts";
import { rollback } from "./rollback.ts";

/**
 * Calls every bound handler of an event until one vetoes, throws or takes too long. Returns whether all
 * passed. `state` is the state that the event is for, `rollbackFrom` the first state to roll back if
 * a final handler throws; -1 for none.
 */
export function callHandlers(
  engine: EngineContext,
  mutation: QueuedMutation,
  pick: (binding: Binding) => BoundHandler | undefined,
  state: number,
  rollbackFrom: number,
): boolean {
  for (const binding of engine.bindings) {
    const handler = pick(binding);
    if (
      handler !== undefined &&
      !callHandler(engine, mutation, binding, handler, state, rollbackFrom)
    )
      return false;
  }
  return true;
}

function callHandler(
  engine: EngineContext,
  mutation: QueuedMutation,
  binding: Binding,
  handler: BoundHandler,
  state: number,
  rollbackFrom: number,
): boolean {
  const { transition, tracers, host } = engine;
  const { names } = engine.schema;
  tracers.handlerStart(transition, binding.id, handler.name);
  let passes = false;
  if (transition.isValid) {
    const startedAt = host.now();
    const tick = engine.ticks[state] ?? 0;
    const event = new EngineHandlerEvent(handler.name, names[state], tick, transition);
    try {
      const returned = handler.run(event);
      if (returned instanceof Promise) watch(engine, returned, handler, event);
      passes = returned !== false || handler.isFinal;
      if (!passes) transition.rejected ??= rejectionOf(names, state, `handler ${handler.name}`);
    } catch (thrown) {
      recover(engine, mutation, handler, toError(thrown), state, rollbackFrom);
    }
    const tookMs = host.now() - startedAt;
    if (passes && tookMs > host.handlerTimeoutMs) {
      passes = false;
      transition.rejected = rejectionOf(names, state, `timeout of handler ${handler.name}`);
      host.onHandlerTimeout(handler.name, tookMs);
    }
  }
  tracers.handlerEnd(transition, binding.id, handler.name);
  return passes;
}

/**
 * Turns what an async handler throws into an error of the machine. Once the handler's signal has aborted the error
 * is only kept, unless it reports the abort itself.
 * Throws for a handler that can veto: the transition cannot wait for its verdict.
 */
function watch(
  { host }: EngineContext,
  promise: Promise<unknown>,
  handler: BoundHandler,
  event: HandlerEvent,
): void {
  const { signal, machine } = event;
  if (!handler.isFinal) {
    promise.catch((thrown: unknown) => host.onError(toError(thrown)));
    throw new MachineError(
      "invalid_argument",
      `Cannot wait for handler "${handler.name}" of "${machine.id}": it returned a promise, and a handler that can veto must return its verdict at once`,
    );
  }
  promise.catch((thrown: unknown) => {
    if (!signal.aborted) machine.addErr(toError(thrown), undefined, { handler: handler.name });
    else if (thrown !== signal.reason && !isAbortError(thrown)) host.onError(toError(thrown));
  });
}

/** After a handler threw: cancels the transition and queues an add of `Exception` as the next mutation. */
function recover(
  engine: EngineContext,
  mutation: QueuedMutation,
  handler: BoundHandler,
  error: Error,
  state: number,
  rollbackFrom: number,
): void {
  const { transition, exceptionIndex } = engine;
  const { names } = engine.schema;
  engine.host.onError(error);
  const by = `error in handler ${handler.name}: ${error.message}`;
  transition.rejected = rejectionOf(names, state, by);
  // An error while Exception is added would otherwise add it forever.
  if (mutation.isCalled(exceptionIndex)) return;
  if (transition.phase === "final") rollback(engine, mutation, rollbackFrom);
  transition.isAccepted = false;
  transition.isHandlingOver = true;
  const exception = new QueuedMutation(names, Int32Array.of(exceptionIndex), transition.machine.id);
  exception.causedBy(transition.number, engine.timeSum);
  exception.calledCount = 1;
  exception.args = {
    error,
    handler: handler.name,
    transitionId: transition.id,
    states: mutation.states,
  };
  exception.context = mutation.context;
  exception.isFromAuto = mutation.isAuto;
  engine.prepend(exception);
}
