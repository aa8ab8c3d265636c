/** The second handler phase: the ticks have moved, and final handlers run; they cannot veto. */

import type { QueuedMutation } from "../mutation.ts";
import type { EngineContext } from "./engine_context.ts";
import { callHandlers } from "./handler_calls.ts";
import { HAS_END, HAS_STATE } from "./handler_index.ts";
import { rollback } from "./rollback.ts";

/** Calls End of the states that left, then State of those that entered. An error or timeout stops this and rolls back. */
export function runFinals(engine: EngineContext, mutation: QueuedMutation): void {
  const { plan } = engine;
  if (engine.handlers.hasExits) engine.resolution.sortExits();
  for (let i = 0; i < plan.exitCount; i++) {
    const state = plan.exits[i]!;
    if ((engine.handlers.kinds[state]! & HAS_END) === 0) continue;
    // An End handler rolls no state back: its state has left already.
    if (!callHandlers(engine, mutation, ({ End }) => End.get(state), state, -1)) {
      stop(engine, mutation, -1);
      return;
    }
  }
  for (let i = 0; i < plan.enterCount; i++) {
    const state = plan.enters[i]!;
    const passes =
      (engine.handlers.kinds[state]! & HAS_STATE) === 0 ||
      callHandlers(engine, mutation, ({ State }) => State.get(state), state, state);
    if (engine.hasArgsWaits) engine.host.onStateEntered(state, mutation.args);
    if (!passes) {
      stop(engine, mutation, state);
      return;
    }
  }
}

function stop(engine: EngineContext, mutation: QueuedMutation, state: number): void {
  engine.transition.rejected ??= { by: "an earlier handler" };
  rollback(engine, mutation, state);
}

export function runAnyState(engine: EngineContext, mutation: QueuedMutation): void {
  if (!callHandlers(engine, mutation, ({ anyState }) => anyState, -1, -1)) {
    engine.transition.rejected ??= { by: "an earlier handler" };
  }
}
