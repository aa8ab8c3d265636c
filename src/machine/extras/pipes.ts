/**
 * Pipes: a state that activates or deactivates in one machine (the source) is added to or removed from
 * another (the target). Pipes are final handlers, so the target never affects the source's transition.
 */

import type { ClockView } from "../clock_view.ts";
import { MachineError, unknownState } from "../errors.ts";
import type { HandlerEvent, Machine } from "../machine.ts";
import type { MutationArgs } from "../mutation.ts";
import { EXCEPTION } from "../schema.ts";

export interface PipeOptions {
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
  source: Machine<S>,
  from: S,
  target: Machine<T>,
  to: T | PipeTarget<T>,
  options: PipeOptions = {},
): () => void {
  return pipeMany(source, target, { [from]: to } as Record<S, T | PipeTarget<T>>, options);
}

/** Like {@linkcode pipe}, for several states in one binding. */
export function pipeMany<S extends string, T extends string>(
  source: Machine<S>,
  target: Machine<T>,
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
      requireTarget(target as Machine, [removed]);
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
export function pipeAny<S extends string>(source: Machine<S>, target: Machine<S>): () => void {
  requireTarget(target as Machine, source.names);
  return source.bind({
    AnyState({ args, context }: HandlerEvent) {
      const active = source.activeStates();
      if (active.length === target.activeStates().length && target.is(active)) return;
      queueMicrotask(() => target.set(active, args as never, { context }));
    },
  });
}

/** Pipes `Ready` to `Ready`, or to another state. */
export function pipeReady<T extends string>(
  source: Machine<"Ready" | string>,
  target: Machine<T>,
  to: T | PipeTarget<T> = "Ready" as T,
): () => void {
  return pipe(source, "Ready", target, to);
}

/** Pipes `Start` to `Start`, or to another state. */
export function pipeStart<T extends string>(
  source: Machine<"Start" | string>,
  target: Machine<T>,
  to: T | PipeTarget<T> = "Start" as T,
): () => void {
  return pipe(source, "Start", target, to);
}

/** Pipes the four states of a connection, each to the state of the same name with `prefix`. */
export function pipeConnected(source: Machine, target: Machine, prefix = ""): () => void {
  const states = ["Connecting", "Connected", "Disconnecting", "Disconnected"];
  return pipeMany(
    source,
    target,
    Object.fromEntries(states.map((state) => [state, `${prefix}${state}`])),
  );
}

/** Passes errors on: when `Exception` activates in the source, adds its error to the target, with the state `to`. */
export function pipeErr<T extends string>(
  source: Machine,
  target: Machine<T>,
  to: T = EXCEPTION as T,
): () => void {
  requireTarget(target as Machine, [to]);
  return source.bind({
    ExceptionState({ args, context }: HandlerEvent) {
      const error = args?.error ?? source.err;
      queueMicrotask(() => target.addErr(error, to, args, { context }));
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
  target: Machine<T>,
  states: readonly S[],
  targets: readonly T[] = states as readonly string[] as readonly T[],
): { readonly added: number; readonly removed: number } {
  if (states.length !== targets.length) {
    throw new RangeError(
      `Cannot sync states: ${states.length} states of the source do not match ${targets.length} of the target`,
    );
  }
  requireStates(source as ClockView, states);
  requireTarget(target as Machine, targets);
  const added = targets.filter((_, i) => source.is(states[i]!));
  const removed = targets.filter((_, i) => !source.is(states[i]!));
  if (added.length > 0) target.add(added);
  if (removed.length > 0) target.remove(removed);
  return { added: added.length, removed: removed.length };
}

function toAdd<T extends string>(
  target: Machine<T>,
  states: readonly T[],
  { isFlat = false }: PipeOptions,
): (event: HandlerEvent) => void {
  if (isFlat) {
    return ({ context }) => {
      if (!target.is(states)) target.add(states, undefined, { context });
    };
  }
  return ({ args, context }) =>
    queueMicrotask(() => target.add(states, args as MutationArgs as never, { context }));
}

function toRemove<T extends string>(
  target: Machine<T>,
  state: T,
  { isFlat = false }: PipeOptions,
): (event: HandlerEvent) => void {
  if (isFlat) {
    return ({ context }) => {
      if (target.is(state)) target.remove(state, undefined, { context });
    };
  }
  return ({ args, context }) =>
    queueMicrotask(() => target.remove(state, args as MutationArgs as never, { context }));
}

function withException<T extends string>(target: Machine<T>, state: T): readonly T[] {
  requireTarget(target as Machine, [state]);
  return state.startsWith("Err") ? [state, EXCEPTION as T] : [state];
}

function requireStates(view: ClockView, states: readonly string[]): void {
  for (const state of states) if (view.indexOf(state) < 0) throw unknownState(view, state);
}

/** Throws `MachineError` if the target is disposed or lacks one of the states. */
function requireTarget(target: Machine, states: readonly string[]): void {
  if (target.isDisposed) {
    throw new MachineError("disposed", `Cannot pipe states: machine "${target.id}" is disposed`);
  }
  requireStates(target, states);
}
