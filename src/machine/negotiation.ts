/** The first handler phase: may this transition happen? Any veto cancels it, but in an auto transition some only take a state out. */

import type { Engine } from "./engine.ts";
import { callHandlers } from "./handler_calls.ts";
import { HAS_ENTER, HAS_EXIT } from "./handler_index.ts";
import type { Binding, BoundHandler } from "./handlers.ts";
import { MUTATION_REMOVE, type QueuedMutation } from "./mutation.ts";

/** Asks, in order: Exit of what leaves, Enter of what enters, self handlers, pairs, AnyEnter. */
export function negotiate(engine: Engine, mutation: QueuedMutation): void {
  const { transition } = engine;
  if (engine.vetoed.size > 0) engine.vetoed.clear();
  if (engine.handlers.hasExits) engine.sortExits();
  const passes =
    askExits(engine, mutation) &&
    askEnters(engine, mutation) &&
    askPairs(engine, mutation) &&
    (!engine.handlers.hasAnyEnter ||
      callHandlers(engine, mutation, ({ anyEnter }) => anyEnter, -1, -1));
  // A veto without a reason comes from a handler that was not run, as the transition was over.
  if (!passes) transition.rejected ??= { by: "an earlier handler" };
  if (passes) transition.rejected = undefined;
}

function askExits(engine: Engine, mutation: QueuedMutation): boolean {
  const { plan } = engine;
  for (let i = 0; i < plan.exitCount; i++) {
    const state = plan.exits[i]!;
    if ((engine.handlers.kinds[state]! & HAS_EXIT) === 0) continue;
    if (!callHandlers(engine, mutation, ({ Exit }) => Exit.get(state), state, -1)) return false;
  }
  return true;
}

function askEnters(engine: Engine, mutation: QueuedMutation): boolean {
  const { plan } = engine;
  for (let i = 0; i < plan.enterCount; i++) {
    const state = plan.enters[i]!;
    if ((engine.handlers.kinds[state]! & HAS_ENTER) === 0) continue;
    if (callHandlers(engine, mutation, ({ Enter }) => Enter.get(state), state, -1)) continue;
    if (!vetoAuto(engine, mutation, state)) return false;
  }
  return true;
}

/** Takes a vetoed auto state out of its auto transition; false if the veto cancels the whole. */
function vetoAuto(engine: Engine, mutation: QueuedMutation, state: number): boolean {
  if (!mutation.isAuto || engine.schema.auto[state] === 0) return false;
  engine.vetoed.add(state);
  return true;
}

function askPairs(engine: Engine, mutation: QueuedMutation): boolean {
  const { vetoed, handlers } = engine;
  const hasPairs =
    handlers.pairBindings.length > 0 &&
    handlers.hasPair(engine.active.isActive, (state) => engine.resolution.isTarget(state));
  if (!hasPairs && (!mutation.isAuto || vetoed.size === 0)) return true;
  const target = [...engine.target()].filter((state) => !vetoed.has(state));
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

/** Self handlers: of states that are active and in the target. */
function askSelf(engine: Engine, mutation: QueuedMutation, target: number[]): boolean {
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
    // The vetoed state leaves the list under the walk, which therefore passes over the next one.
    target.splice(i, 1);
  }
  return lastPassed;
}

/** Pairs of an active state and one of the target as it stood when this began. */
function askOthers(engine: Engine, mutation: QueuedMutation, target: readonly number[]): boolean {
  for (const from of [...engine.statesBefore()]) {
    if (!engine.handlers.pairBindings.some(({ pairs }) => pairs.has(from))) continue;
    for (const to of target) {
      if (from === to || callHandlers(engine, mutation, pairOf(from, to), to, -1)) continue;
      if (!vetoAuto(engine, mutation, to)) return false;
    }
  }
  return true;
}
