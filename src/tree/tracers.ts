/** Several tracers as one. */

type Hook = (...args: unknown[]) => unknown;

/** Calls each hook of all tracers that have it, in their order, and returns the first result that is not undefined. */
export function joinTracers<T extends object>(...tracers: readonly T[]): T {
  const hooks = new Map<string, Hook[]>();
  for (const tracer of tracers) {
    for (const [name, hook] of Object.entries(tracer) as [string, Hook | undefined][]) {
      if (hook === undefined) continue;
      hooks.set(name, [...(hooks.get(name) ?? []), hook.bind(tracer)]);
    }
  }
  return Object.fromEntries(Array.from(hooks, ([name, list]) => [name, joinHooks(list)])) as T;
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
