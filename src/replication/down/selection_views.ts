/**
 * The views of a node's clock, one for each distinct selection of its downstreams. A change of the
 * clock costs what it changes in them: a state leads to the views that hold it, and to no other.
 */

import { nearestNames } from "../../machine/mod.ts";
import { ReplicationError } from "../clock/errors.ts";
import { coversSelection, describeSelection, keyOf, type Selection } from "../clock/selection.ts";
import type { ClockChange, VersionedClock } from "../clock/versioned_clock.ts";
import { SelectionView } from "./selection_view.ts";
import type { Sender } from "./sender.ts";

/** How many unknown states an error names with the nearest that there are. */
const MAX_UNKNOWN_NAMED = 3;

export interface SelectionViewsOptions {
  /** What the node itself follows; undefined for every state. */
  readonly selection: Selection | undefined;
  /** Distinct selections at the same time. */
  readonly maxSelections: number;
}

export class SelectionViews {
  readonly #clock: VersionedClock;
  readonly #sender: Sender;
  readonly #options: SelectionViewsOptions;
  readonly #whole: SelectionView;
  readonly #views = new Map<string, SelectionView>();
  /** By index in the node's clock: the views that hold the state, each with the index there. */
  readonly #holders = new Map<number, Map<SelectionView, number>>();
  /** All state indexes, sorted by name; made when first needed in an epoch. */
  #sorted: Uint32Array | undefined = undefined;

  constructor(clock: VersionedClock, sender: Sender, options: SelectionViewsOptions) {
    this.#clock = clock;
    this.#sender = sender;
    this.#options = options;
    this.#whole = new SelectionView(clock, sender, undefined);
  }

  /** Number of selections, without that of every state. */
  get size(): number {
    return this.#views.size;
  }

  /**
   * The view for one more downstream. Throws {@linkcode ReplicationError}: `failed_precondition` if the
   * node does not hold all that is asked for, `unknown_state` for names that the schema lacks,
   * `resource_exhausted` if there are too many selections.
   */
  acquire(selection: Selection | undefined): SelectionView {
    const { selection: own, maxSelections } = this.#options;
    if (!coversSelection(own, selection)) {
      throw new ReplicationError(
        "failed_precondition",
        `Cannot serve ${selection === undefined ? "every state" : `"${describeSelection(selection)}"`}: this node holds "${describeSelection(own!)}" alone`,
      );
    }
    const view = this.#find(selection, maxSelections);
    view.downstreamCount++;
    return view;
  }

  #find(selection: Selection | undefined, maxSelections: number): SelectionView {
    const { selection: own } = this.#options;
    if (selection === undefined || (own !== undefined && keyOf(own) === keyOf(selection)))
      return this.#whole;
    const key = keyOf(selection);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    if (this.#views.size >= maxSelections) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot subscribe: there are ${this.#views.size} selections, the most that this node takes`,
      );
    }
    const view = new SelectionView(this.#clock, this.#sender, selection);
    this.#fill(view, selection);
    if (view.error !== undefined) throw view.error;
    this.#views.set(key, view);
    return view;
  }

  /** A downstream has left. The last one takes the view with it. */
  release(view: SelectionView): void {
    if (--view.downstreamCount > 0 || view.selection === undefined) return;
    this.#views.delete(keyOf(view.selection));
    for (const name of view.clock.names) {
      const index = this.#clock.indexOf(name);
      const holders = this.#holders.get(index);
      if (holders?.delete(view) && holders.size === 0) this.#holders.delete(index);
    }
  }

  /**
   * Takes over a change of the node's clock, with the trace contexts of its transitions. Returns whether
   * anything is due to any downstream. After a reset, views whose selection has become impossible
   * have an error.
   */
  follow(change: ClockChange, traceContexts: readonly Uint8Array[]): boolean {
    if (change.type === "reset") this.#reset();
    const touched = change.type === "reset" ? this.#views.values() : this.#touch(change.indexes);
    let isDue = this.#whole.downstreamCount > 0;
    this.#whole.setDue(traceContexts);
    for (const view of touched) {
      view.setDue(traceContexts);
      isDue = true;
    }
    return isDue;
  }

  #touch(indexes: Uint32Array): Iterable<SelectionView> {
    // The seq has moved on by itself, as it does on a node with a selection: so it does below.
    if (indexes.length === 0) return this.#views.values();
    if (this.#holders.size === 0) return [];
    const touched = new Set<SelectionView>();
    for (const index of indexes) {
      const holders = this.#holders.get(index);
      if (holders === undefined) continue;
      for (const [view, own] of holders) {
        view.set(own, this.#clock.ticks[index]!);
        touched.add(view);
      }
    }
    return touched;
  }

  #reset(): void {
    this.#sorted = undefined;
    this.#holders.clear();
    this.#whole.reset(NONE);
    for (const view of this.#views.values()) this.#fill(view, view.selection!);
  }

  /** Gives a view the states of its selection; before the node's first clock there are none. */
  #fill(view: SelectionView, selection: Selection): void {
    if (this.#clock.epoch === "") return;
    view.error = this.#findUnknown(selection);
    if (view.error !== undefined) return;
    const chosen = this.#choose(selection);
    view.reset(chosen);
    chosen.forEach((index, own) => {
      const holders = this.#holders.get(index);
      if (holders === undefined) this.#holders.set(index, new Map([[view, own]]));
      else holders.set(view, own);
    });
  }

  /** Indexes of the chosen states, rising. */
  #choose({ names, prefixes }: Selection): Uint32Array {
    const clock = this.#clock;
    const chosen = new Set(names.map((name) => clock.indexOf(name)));
    for (const prefix of prefixes) {
      const sorted = this.#sortedByName();
      for (let i = this.#firstFrom(prefix); i < sorted.length; i++) {
        if (!clock.names[sorted[i]!]!.startsWith(prefix)) break;
        chosen.add(sorted[i]!);
      }
    }
    return Uint32Array.from(chosen).sort();
  }

  #sortedByName(): Uint32Array {
    const { names } = this.#clock;
    this.#sorted ??= Uint32Array.from(names, (_, index) => index).sort((a, b) =>
      names[a]! < names[b]! ? -1 : 1,
    );
    return this.#sorted;
  }

  /** Place of the first name, in sorted order, that is not before `prefix`. */
  #firstFrom(prefix: string): number {
    const { names } = this.#clock;
    const sorted = this.#sortedByName();
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (names[sorted[middle]!]! < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #findUnknown({ names }: Selection): ReplicationError | undefined {
    const clock = this.#clock;
    const unknown = names.filter((name) => clock.indexOf(name) < 0);
    if (unknown.length === 0) return undefined;
    const named = unknown.slice(0, MAX_UNKNOWN_NAMED).map((name) => {
      const nearest = nearestNames(name, clock.names);
      return nearest.length > 0
        ? `"${name}" (the nearest known: ${nearest.join(", ")})`
        : `"${name}"`;
    });
    const more = unknown.length - named.length;
    return new ReplicationError(
      "unknown_state",
      `Cannot select ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}: not in the schema of epoch ${clock.epoch}`,
      { states: unknown },
    );
  }
}

const NONE = new Uint32Array(0);
