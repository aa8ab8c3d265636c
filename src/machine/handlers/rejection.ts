/** Why a mutation is canceled, in words; built only when it is. */

import type { Rejection } from "../mutation.ts";
import { CAUSE_IMPOSSIBLE, CAUSE_REMOVE, CAUSE_REQUIRE, type Plan } from "../resolver/plan.ts";

/** The relation that rejects the first called state missing from the plan's target. */
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

/** A rejection by a handler for `state`, -1 for an `Any…` handler. */
export function rejectionOf(names: readonly string[], state: number, by: string): Rejection {
  return state < 0 ? { by } : { state: names[state]!, by };
}
