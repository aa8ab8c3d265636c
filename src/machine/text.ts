/** Text forms of a machine's states. */

import type { Schema, StateDefinition } from "./schema.ts";

/** The part of a clock view that the text forms read. */
interface StatesView<N extends string> {
  readonly names: readonly N[];
  readonly schema: Schema<N>;
  activeStates(states: readonly N[]): N[];
  is(state: N): boolean;
  tick(state: N): number;
}

/** `(A:1 B:3)`: active states in index order. */
export function formatActive<N extends string>(view: StatesView<N>): string {
  return `(${view
    .activeStates(view.names)
    .map((name) => `${name}:${view.tick(name)}`)
    .join(" ")})`;
}

/** `(A:1 B:3) [C:0]`: active and inactive states in index order. */
export function formatAll<N extends string>(view: StatesView<N>): string {
  const inactive = view.names.filter((name) => !view.is(name));
  return `${formatActive(view)} [${inactive.map((name) => `${name}:${view.tick(name)}`).join(" ")}]`;
}

const LABEL_WIDTH = 9;

/** A line `1 Name` or `0 Name` for each state, followed by lines for its tick and the properties and relations that are set. */
export function inspectStates<N extends string>(view: StatesView<N>, states: readonly N[]): string {
  return states.map((name) => inspectState(view, name)).join("");
}

function inspectState<N extends string>(view: StatesView<N>, name: N): string {
  const state: StateDefinition = view.schema[name] ?? {};
  const rows: [label: string, value: string][] = [["Tick", String(view.tick(name))]];
  if (state.auto) rows.push(["Auto", "true"]);
  if (state.multi) rows.push(["Multi", "true"]);
  const relations = [
    ["Add", state.add],
    ["Require", state.require],
    ["Remove", state.remove],
    ["After", state.after],
  ] as const;
  for (const [label, list] of relations) if (list !== undefined) rows.push([label, list.join(" ")]);
  const lines = rows.map(([label, value]) => `    |${label.padEnd(LABEL_WIDTH)}${value}\n`);
  return `${view.is(name) ? 1 : 0} ${name}\n${lines.join("")}`;
}
