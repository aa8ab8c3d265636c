/**
 * Pipes: a state that activates or deactivates in one machine (the source) is added to or removed from
 * another (the target). Pipes are final handlers, so the target never affects the source's transition.
 * Either may be a remote machine: a source without args, a target whose mutations return promises.
 */

import type { ClockView } from "../clock_view.ts";
import { MachineError, throwLater, toError, unknownState } from "../errors.ts";
import type { BindOptions, HandlerEvent } from "../machine.ts";
import type { MutationArgs, MutationSource } from "../mutation.ts";
import { EXCEPTION } from "../schema.ts";

/** What a pipe reads: a machine of this process, or one on a replica. */
export interface PipeSource<S extends string = string> extends ClockView<S> {
  bind(handlers: Readonly<Record<string, unknown>>, options?: BindOptions): () => void;
  readonly err?: Error | undefined;
}

interface PipeContext {
  readonly context?: unknown;
  readonly source?: MutationSource;
}

/** What a pipe mutates: a machine of this process, or a remote one. */
export interface PipeSink<T extends string = string> extends ClockView<T> {
  add(states: T | readonly T[], args?: never, options?: PipeContext): unknown;
  remove(states: T | readonly T[], args?: never, options?: PipeContext): unknown;
  set(states: T | readonly T[], args?: never, options?: PipeContext): unknown;
  addErr(error: unknown, state?: T, args?: MutationArgs, options?: PipeContext): unknown;
  readonly isDisposed?: boolean;
}

export interface PipeOptions {
  /** Receives what a remote target's mutation rejects with. Default: nobody catches it. */
  readonly onError?: (error: Error) => void;
  /**
   * Mutates the target at once, within the source's transition, without args, and only if that changes the
   * target's state. Default false: with the args, in a separate microtask, after the source's transition.
   */
  readonly isFlat?: boolean;
}

/** The target states of a pipe: `added` when the source state activates, `removed` when it deactivates. */
export interface PipeTarget<T extends string = string> {
  readonly added?: T;
  readonly removed?: T;
}

/**
 * Adds `to` in the target when `from` activates in the source, and removes it when `from` deactivates.
 * `to` can also name only one of the two, or two different states. A target state whose name begins
 * with `Err` is added together with `Exception`. Returns a function that removes the pipe.
 * Throws {@linkcode MachineError} for unknown states.
 */
export function pipe<S extends string, T extends string>(
  source: PipeSource<S>,
  from: S,
  target: PipeSink<T>,
  to: T | PipeTarget<T>,
  options: PipeOptions = {},
): () => void {
  return pipeMany(source, target, { [from]: to } as Record<S, T | PipeTarget<T>>, options);
}

/** Like {@linkcode pipe}, for several states in one binding. */
export function pipeMany<S extends string, T extends string>(
  source: PipeSource<S>,
  target: PipeSink<T>,
  states: { readonly [K in S]?: T | PipeTarget<T> },
  options: PipeOptions = {},
): () => void {
  const handlers: Record<string, (event: HandlerEvent) => void> = {};
  for (const [from, to] of Object.entries<T | PipeTarget<T> | undefined>(states)) {
    if (to === undefined) continue;
    const { added, removed } = typeof to === "string" ? { added: to, removed: to } : to;
    requireStates(source as ClockView, [from]);
    if (added !== undefined) {
      handlers[`${from}State`] = toAdd(target, withException(target, added), options);
    }
    if (removed !== undefined) {
      requireTarget(target as unknown as PipeSink, [removed]);
      handlers[`${from}End`] = toRemove(target, removed, options);
    }
  }
  return source.bind(handlers);
}

/**
 * Keeps the target's active states equal to the source's: after each transition of the source, sets the
 * target to them unless they are equal. Returns a function that removes the pipe.
 * Throws {@linkcode MachineError} if the target lacks a state of the source.
 */
export function pipeAny<S extends string>(
  source: PipeSource<S>,
  target: PipeSink<S>,
  options: Pick<PipeOptions, "onError"> = {},
): () => void {
  requireTarget(target as unknown as PipeSink, source.names);
  return source.bind({
    AnyState(event: HandlerEvent) {
      const active = source.activeStates();
      const cause = causedBy(event);
      // Compared on delivery: what is under way to the target may change it until then.
      deliver(target, options, () => {
        if (active.length === target.activeStates().length && target.is(active)) return;
        return target.set(active, event.args as never, cause);
      });
    },
  });
}

/** Pipes `Ready` to `Ready`, or to another state. */
export function pipeReady<T extends string>(
  source: PipeSource<"Ready" | string>,
  target: PipeSink<T>,
  to: T | PipeTarget<T> = "Ready" as T,
): () => void {
  return pipe(source, "Ready", target, to);
}

/** Pipes `Start` to `Start`, or to another state. */
export function pipeStart<T extends string>(
  source: PipeSource<"Start" | string>,
  target: PipeSink<T>,
  to: T | PipeTarget<T> = "Start" as T,
): () => void {
  return pipe(source, "Start", target, to);
}

/** Pipes the four states of a connection, each to the state of the same name with `prefix`. */
export function pipeConnected(source: PipeSource, target: PipeSink, prefix = ""): () => void {
  const states = ["Connecting", "Connected", "Disconnecting", "Disconnected"];
  return pipeMany(
    source,
    target,
    Object.fromEntries(states.map((state) => [state, `${prefix}${state}`])),
  );
}

/** Passes errors on: when `Exception` activates in the source, adds its error to the target, with the state `to`. */
export function pipeErr<T extends string>(
  source: PipeSource,
  target: PipeSink<T>,
  to: T = EXCEPTION as T,
  options: Pick<PipeOptions, "onError"> = {},
): () => void {
  requireTarget(target as unknown as PipeSink, [to]);
  return source.bind({
    ExceptionState(event: HandlerEvent) {
      const { args } = event;
      const error = args?.error ?? source.err;
      const cause = causedBy(event);
      deliver(target, options, () => target.addErr(error, to, args, cause));
    },
  });
}

/**
 * Copies states of the source to the target, once: one add of the active ones, one remove of the
 * inactive ones. `targets` are their names in the target, by default the same.
 * Returns how many states it added and removed, whether or not that changed them.
 * Throws {@linkcode MachineError} for unknown states, and `RangeError` for lists of different length.
 */
export function syncStates<S extends string, T extends string>(
  source: ClockView<S>,
  target: PipeSink<T>,
  states: readonly S[],
  targets: readonly T[] = states as readonly string[] as readonly T[],
  options: Pick<PipeOptions, "onError"> = {},
): { readonly added: number; readonly removed: number } {
  if (states.length !== targets.length) {
    throw new RangeError(
      `Cannot sync states: ${states.length} states of the source do not match ${targets.length} of the target`,
    );
  }
  requireStates(source as ClockView, states);
  requireTarget(target as unknown as PipeSink, targets);
  const added = targets.filter((_, i) => source.is(states[i]!));
  const removed = targets.filter((_, i) => !source.is(states[i]!));
  if (added.length > 0) settle(target.add(added), options);
  if (removed.length > 0) settle(target.remove(removed), options);
  return { added: added.length, removed: removed.length };
}

function toAdd<T extends string>(
  target: PipeSink<T>,
  states: readonly T[],
  options: PipeOptions,
): (event: HandlerEvent) => void {
  if (options.isFlat) {
    return (event) => {
      if (!target.is(states)) settle(target.add(states, undefined, causedBy(event)), options);
    };
  }
  return (event) => {
    const cause = causedBy(event);
    deliver(target, options, () => target.add(states, event.args as never, cause));
  };
}

function toRemove<T extends string>(
  target: PipeSink<T>,
  state: T,
  options: PipeOptions,
): (event: HandlerEvent) => void {
  if (options.isFlat) {
    return (event) => {
      if (target.is(state)) settle(target.remove(state, undefined, causedBy(event)), options);
    };
  }
  return (event) => {
    const cause = causedBy(event);
    deliver(target, options, () => target.remove(state, event.args as never, cause));
  };
}

/** A mutation of a pipe that waits for its microtask. */
interface Delivery {
  readonly target: object;
  readonly run: () => void;
}

/** Deliveries under way, in the order of their microtasks: those of all pipes, since one can lead to the next. */
const underWay = new Set<Delivery>();

/** Mutates the target in a separate microtask, or earlier by {@linkcode deliverNow}. */
function deliver(
  target: object,
  options: Pick<PipeOptions, "onError">,
  mutate: () => unknown,
): void {
  const delivery = { target, run: () => settle(mutate(), options) };
  underWay.add(delivery);
  queueMicrotask(() => {
    if (underWay.delete(delivery)) delivery.run();
  });
}

/**
 * Runs the mutations that are under way to these targets now, and those that follow from them, in their order.
 * Returns false if more than `limit` have run and more are under way: pipes in a circle that never ends.
 * Call it only while none of the targets runs a transition.
 */
export function deliverNow(targets: ReadonlySet<object>, limit: number): boolean {
  let count = 0;
  // A set visits what is added to it meanwhile.
  for (const delivery of underWay) {
    if (!targets.has(delivery.target)) continue;
    if (++count > limit) return false;
    underWay.delete(delivery);
    try {
      delivery.run();
    } catch (thrown) {
      throwLater(thrown);
    }
  }
  return true;
}

/** A handler's context, and its transition as the source of what it causes. A change on a replica is no transition. */
function causedBy({ context, transitionId, machine }: HandlerEvent): PipeContext {
  if (transitionId === undefined) return { context };
  return { context, source: { machineId: machine.id, transitionId, timeSum: machine.timeSum } };
}

/** The mutation of a remote target is a promise, which may reject. */
function settle(result: unknown, { onError = throwLater }: Pick<PipeOptions, "onError">): void {
  if (result instanceof Promise) result.catch((thrown) => onError(toError(thrown)));
}

function withException<T extends string>(target: PipeSink<T>, state: T): readonly T[] {
  requireTarget(target as unknown as PipeSink, [state]);
  return state.startsWith("Err") ? [state, EXCEPTION as T] : [state];
}

function requireStates(view: ClockView, states: readonly string[]): void {
  for (const state of states) if (view.indexOf(state) < 0) throw unknownState(view, state);
}

/** Throws `MachineError` if the target is disposed or lacks one of the states. */
function requireTarget(target: PipeSink, states: readonly string[]): void {
  if (target.isDisposed) {
    throw new MachineError("disposed", `Cannot pipe states: machine "${target.id}" is disposed`);
  }
  requireStates(target, states);
}
