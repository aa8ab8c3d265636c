/** The first handler phase: handlers may veto the transition. A veto of an auto state only drops that state from its auto transition. */

import { MUTATION_REMOVE, type QueuedMutation } from "../mutation.ts";
import type { Binding, BoundHandler } from "./binding.ts";
import type { EngineContext } from "./engine_context.ts";
import { callHandlers } from "./handler_calls.ts";
import { HAS_ENTER, HAS_EXIT } from "./handler_index.ts";

/** Calls, in this order: Exit of leaving states, Enter of entering states, self handlers, pairs, AnyEnter. */
export function negotiate(engine: EngineContext, mutation: QueuedMutation): void {
  const { transition } = engine;
  if (engine.vetoed.size > 0) engine.vetoed.clear();
  if (engine.handlers.hasExits) engine.resolution.sortExits();
  const passes =
    askExits(engine, mutation) &&
    askEnters(engine, mutation) &&
    askPairs(engine, mutation) &&
    (!engine.handlers.hasAnyEnter ||
      callHandlers(engine, mutation, ({ anyEnter }) => anyEnter, -1, -1));
  // A veto without a reason comes from a handler that was skipped because handling was over.
  if (!passes) transition.rejected ??= { by: "an earlier handler" };
  if (passes) transition.rejected = undefined;
}

function askExits(engine: EngineContext, mutation: QueuedMutation): boolean {
  const { plan } = engine;
  for (let i = 0; i < plan.exitCount; i++) {
    const state = plan.exits[i]!;
    if ((engine.handlers.kinds[state]! & HAS_EXIT) === 0) continue;
    if (!callHandlers(engine, mutation, ({ Exit }) => Exit.get(state), state, -1)) return false;
  }
  return true;
}

function askEnters(engine: EngineContext, mutation: QueuedMutation): boolean {
  const { plan } = engine;
  for (let i = 0; i < plan.enterCount; i++) {
    const state = plan.enters[i]!;
    if ((engine.handlers.kinds[state]! & HAS_ENTER) === 0) continue;
    if (callHandlers(engine, mutation, ({ Enter }) => Enter.get(state), state, -1)) continue;
    if (!vetoAuto(engine, mutation, state)) return false;
  }
  return true;
}

/** Drops a vetoed auto state from its auto transition; returns false if the veto cancels the whole transition. */
function vetoAuto(engine: EngineContext, mutation: QueuedMutation, state: number): boolean {
  if (!mutation.isAuto || engine.schema.auto[state] === 0) return false;
  engine.vetoed.add(state);
  return true;
}

function askPairs(engine: EngineContext, mutation: QueuedMutation): boolean {
  const { vetoed, handlers } = engine;
  const hasPairs =
    handlers.pairBindings.length > 0 &&
    handlers.hasPair(engine.active.isActive, (state) => engine.resolution.isTarget(state));
  if (!hasPairs && (!mutation.isAuto || vetoed.size === 0)) return true;
  const target = [...engine.resolution.target()].filter((state) => !vetoed.has(state));
  if (hasPairs) {
    if (mutation.kind !== MUTATION_REMOVE && !askSelf(engine, mutation, target)) return false;
    if (!askOthers(engine, mutation, target)) return false;
  }
  return !(mutation.isAuto && target.every((state) => vetoed.has(state)));
}

const pairOf =
  (from: number, to: number) =>
  ({ pairs }: Binding): BoundHandler | undefined =>
    pairs.get(from)?.get(to);

/** Self handlers: those of states that are active and in the target. */
function askSelf(engine: EngineContext, mutation: QueuedMutation, target: number[]): boolean {
  const { isActive } = engine.active;
  let lastPassed = true;
  for (let i = 0; i < target.length; i++) {
    const state = target[i]!;
    if (
      isActive[state] === 0 ||
      !engine.handlers.pairBindings.some(({ pairs }) => pairs.get(state)?.has(state))
    )
      continue;
    lastPassed = callHandlers(engine, mutation, pairOf(state, state), state, -1);
    if (lastPassed) continue;
    if (!mutation.isAuto || engine.schema.auto[state] === 0) return false;
    // Removing the vetoed state from the list makes the loop skip the next one, as the original does.
    target.splice(i, 1);
  }
  return lastPassed;
}

/** Pairs of an active state and a state of the target, as the target was at the start of this step. */
function askOthers(
  engine: EngineContext,
  mutation: QueuedMutation,
  target: readonly number[],
): boolean {
  for (const from of [...engine.resolution.order()]) {
    if (!engine.handlers.pairBindings.some(({ pairs }) => pairs.has(from))) continue;
    for (const to of target) {
      if (from === to || callHandlers(engine, mutation, pairOf(from, to), to, -1)) continue;
      if (!vetoAuto(engine, mutation, to)) return false;
    }
  }
  return true;
}
