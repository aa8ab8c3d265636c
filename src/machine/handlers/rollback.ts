/** What an error or timeout of a final handler takes back. */

import type { QueuedMutation } from "../mutation.ts";
import type { EngineContext } from "./engine_context.ts";

/**
 * Deactivates the running transition's exits and enters, in this order, beginning at `from`, the state
 * of the failed handler (-1: none). Called multi states that stay active tick by 2 once more, as
 * they do whenever the active states are set.
 */
export function rollback(engine: EngineContext, mutation: QueuedMutation, from: number): void {
  const { plan, active, ticks, schema, transition, resolution } = engine;
  transition.freeze();
  resolution.premisesHold = false;
  const moved = [
    ...plan.exits.subarray(0, plan.exitCount),
    ...plan.enters.subarray(0, plan.enterCount),
  ];
  const place = from < 0 ? -1 : moved.indexOf(from);
  const movedAgain: number[] = [];
  for (const state of place < 0 ? [] : moved.slice(place)) {
    if (active.isActive[state] === 0) continue;
    active.deactivate(state);
    ticks[state]! += 1;
    engine.timeSum += 1;
    movedAgain.push(state);
  }
  for (let i = 0; i < mutation.calledCount; i++) {
    const state = mutation.called[i]!;
    if (active.isActive[state] === 0 || schema.multi[state] === 0) continue;
    ticks[state]! += 2;
    engine.timeSum += 2;
    movedAgain.push(state);
  }
  if (movedAgain.length > 0)
    engine.host.onTicksMoved(Int32Array.from(movedAgain), movedAgain.length);
}
