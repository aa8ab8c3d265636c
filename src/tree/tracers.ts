/** Several tracers as one. */

import type { ReplicationTracer } from "../replication/mod.ts";

type Hook = (...args: unknown[]) => unknown;

/** Calls each hook of all tracers that have it, in their order; of what they return, the first that is not undefined counts. */
export function joinTracers(...tracers: readonly ReplicationTracer[]): ReplicationTracer {
  const hooks = new Map<string, Hook[]>();
  for (const tracer of tracers) {
    for (const [name, hook] of Object.entries(tracer) as [string, Hook | undefined][]) {
      if (hook === undefined) continue;
      hooks.set(name, [...(hooks.get(name) ?? []), hook.bind(tracer)]);
    }
  }
  return Object.fromEntries(Array.from(hooks, ([name, list]) => [name, joinHooks(list)]));
}

function joinHooks(hooks: readonly Hook[]): Hook {
  if (hooks.length === 1) return hooks[0]!;
  return (...args) => {
    let result: unknown;
    for (const hook of hooks) {
      const returned = hook(...args);
      result ??= returned;
    }
    return result;
  };
}
