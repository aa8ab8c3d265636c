/**
 * The views of a node's clock: one of all states, and one for each distinct selection of its downstreams. The
 * cost of a change follows what it changes in the views: an index leads from a state to its views.
 */

import { nearestNames } from "../../machine/mod.ts";
import { ReplicationError } from "../clock/errors.ts";
import { coversSelection, describeSelection, keyOf, type Selection } from "../clock/selection.ts";
import type { ClockChange, VersionedClock } from "../clock/versioned_clock.ts";
import { PublishedView } from "./published_view.ts";
import type { SenderInfo } from "./sender_info.ts";

/** How many unknown states an error names, each with the nearest known ones. */
const MAX_UNKNOWN_NAMED = 3;

export interface PublishedViewsOptions {
  /** The states that the node itself follows; undefined for all. */
  readonly selection: Selection | undefined;
  /** Most distinct selections at the same time. */
  readonly maxSelections: number;
}

export class PublishedViews {
  readonly #clock: VersionedClock;
  readonly #sender: SenderInfo;
  readonly #options: PublishedViewsOptions;
  readonly #whole: PublishedView;
  readonly #views = new Map<string, PublishedView>();
  /** By index in the node's clock: the views that hold the state, each with its index there. */
  readonly #holders = new Map<number, Map<PublishedView, number>>();
  /** All state indexes, sorted by name; created when an epoch first needs it. */
  #sorted: Uint32Array | undefined = undefined;

  constructor(clock: VersionedClock, sender: SenderInfo, options: PublishedViewsOptions) {
    this.#clock = clock;
    this.#sender = sender;
    this.#options = options;
    this.#whole = new PublishedView(clock, sender, undefined);
  }

  /** Number of selections; the view of all states does not count. */
  get size(): number {
    return this.#views.size;
  }

  /**
   * Returns the view for one more downstream. Throws {@linkcode ReplicationError}: `failed_precondition` if the
   * node does not hold all requested states, `unknown_state` for names that the schema lacks,
   * `resource_exhausted` if there are too many selections.
   */
  acquire(selection: Selection | undefined): PublishedView {
    const { selection: own, maxSelections } = this.#options;
    if (!coversSelection(own, selection)) {
      throw new ReplicationError(
        "failed_precondition",
        `Cannot serve ${selection === undefined ? "every state" : `"${describeSelection(selection)}"`}: this node holds only "${describeSelection(own!)}"`,
      );
    }
    const view = this.#find(selection, maxSelections);
    view.downstreamCount++;
    return view;
  }

  #find(selection: Selection | undefined, maxSelections: number): PublishedView {
    const { selection: own } = this.#options;
    if (selection === undefined || (own !== undefined && keyOf(own) === keyOf(selection)))
      return this.#whole;
    const key = keyOf(selection);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    if (this.#views.size >= maxSelections) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot subscribe: there are ${this.#views.size} selections, the most that this node accepts`,
      );
    }
    const view = new PublishedView(this.#clock, this.#sender, selection);
    this.#fill(view, selection);
    if (view.error !== undefined) throw view.error;
    this.#views.set(key, view);
    return view;
  }

  /** A downstream has left. A view is removed with its last downstream. */
  release(view: PublishedView): void {
    if (--view.downstreamCount > 0 || view.selection === undefined) return;
    this.#views.delete(keyOf(view.selection));
    for (const name of view.clock.names) {
      const index = this.#clock.indexOf(name);
      const holders = this.#holders.get(index);
      if (holders?.delete(view) && holders.size === 0) this.#holders.delete(index);
    }
  }

  /**
   * Takes a change of the node's clock. Returns whether anything is due to any downstream. After a reset,
   * views whose selection has become impossible have an error.
   */
  follow(change: ClockChange): boolean {
    const { traceContexts } = change;
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

  #touch(indexes: Uint32Array): Iterable<PublishedView> {
    // Only the seq has moved, as it does on a node with a selection: it moves in all views.
    if (indexes.length === 0) return this.#views.values();
    if (this.#holders.size === 0) return [];
    const touched = new Set<PublishedView>();
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

  /** Fills a view with the states of its selection; before the node's first clock there are none. */
  #fill(view: PublishedView, selection: Selection): void {
    if (this.#clock.epoch === "") return;
    view.error = this.#findUnknown(selection);
    if (view.error !== undefined) return;
    const selected = this.#select(selection);
    view.reset(selected);
    selected.forEach((index, own) => {
      const holders = this.#holders.get(index);
      if (holders === undefined) this.#holders.set(index, new Map([[view, own]]));
      else holders.set(view, own);
    });
  }

  /** Indexes of the selected states, rising. */
  #select({ names, prefixes }: Selection): Uint32Array {
    const clock = this.#clock;
    const selected = new Set(names.map((name) => clock.indexOf(name)));
    for (const prefix of prefixes) {
      const sorted = this.#sortedByName();
      for (let i = this.#firstFrom(prefix); i < sorted.length; i++) {
        if (!clock.names[sorted[i]!]!.startsWith(prefix)) break;
        selected.add(sorted[i]!);
      }
    }
    return Uint32Array.from(selected).sort();
  }

  #sortedByName(): Uint32Array {
    const { names } = this.#clock;
    this.#sorted ??= Uint32Array.from(names, (_, index) => index).sort((a, b) =>
      names[a]! < names[b]! ? -1 : 1,
    );
    return this.#sorted;
  }

  /** Place in sorted order of the first name that is not before `prefix`. */
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
