/** Why a mutation is canceled, in words: made only once it is known to be. */

import type { Rejection } from "./mutation.ts";
import { CAUSE_IMPOSSIBLE, CAUSE_REMOVE, CAUSE_REQUIRE, type Plan } from "./plan.ts";

/** The relation that stands against the first called state which a plan could not have. */
export function explainPlan(plan: Plan, names: readonly string[]): Rejection {
  const { rejected, cause, causeState } = plan;
  const state = names[rejected]!;
  switch (cause) {
    case CAUSE_REMOVE:
      return { state, by: `relation Remove of ${names[causeState]}` };
    case CAUSE_REQUIRE:
      return { state, by: `relation Require of ${state}, ${names[causeState]} is missing` };
    case CAUSE_IMPOSSIBLE:
      return { state, by: `relation Require of ${state}, which names an unknown state` };
    default:
      return { state, by: "relations" };
  }
}

/** What a handler stands against; `state` is -1 for one that is for no state. */
export function rejectionOf(names: readonly string[], state: number, by: string): Rejection {
  return state < 0 ? { by } : { state: names[state]!, by };
}
