/** Composition of schemas: merge, extend, replace relations, prefix. */

import {
  RELATIONS,
  type Relation,
  type Schema,
  type StateDefinition,
  type StateName,
} from "../schema.ts";

/** Later schemas override earlier ones state by state; relations are not merged. */
export function mergeSchemas<const L extends readonly Schema[]>(
  ...schemas: L
): Schema<StateName<L[number]>> {
  return Object.assign({}, ...schemas) as Schema<StateName<L[number]>>;
}

/** Adds the relations of `other` to those of `state`, own first, each name once. Sets `auto` and `multi` if either has them; keeps the tags. */
export function extendState<N extends string, M extends string>(
  state: StateDefinition<N>,
  other: StateDefinition<M>,
): StateDefinition<N | M> {
  const extended: Record<string, unknown> = { ...state };
  for (const relation of RELATIONS) {
    const union = [...new Set<string>([...(state[relation] ?? []), ...(other[relation] ?? [])])];
    if (union.length > 0) extended[relation] = union;
  }
  if (state.auto || other.auto) extended.auto = true;
  if (state.multi || other.multi) extended.multi = true;
  return extended as StateDefinition<N | M>;
}

/** Replaces the relations of `state` by those present in `relations`, including empty lists. */
export function replaceRelations<N extends string, M extends string>(
  state: StateDefinition<N>,
  relations: Pick<StateDefinition<M>, Relation>,
): StateDefinition<N | M> {
  const given = RELATIONS.filter((relation) => relations[relation] !== undefined);
  return {
    ...state,
    ...Object.fromEntries(given.map((relation) => [relation, relations[relation]])),
  };
}

/** Prefixes all names, in relations as well: `only` those given, and none of `skip`. */
export function prefixSchema<N extends string, const P extends string>(
  schema: Schema<N>,
  prefix: P,
  options: { readonly only?: readonly N[]; readonly skip?: readonly N[] } = {},
): Schema<N | `${P}${N}`> {
  const rename = (name: string) =>
    (options.only === undefined || options.only.includes(name as N)) &&
    !options.skip?.includes(name as N)
      ? `${prefix}${name}`
      : name;
  const entries = Object.entries<StateDefinition<N>>(schema).map(([name, state]) => {
    const renamed: Record<string, unknown> = { ...state };
    for (const relation of RELATIONS) {
      if (state[relation] !== undefined) renamed[relation] = state[relation].map(rename);
    }
    return [rename(name), renamed];
  });
  return Object.fromEntries(entries) as Schema<N | `${P}${N}`>;
}
