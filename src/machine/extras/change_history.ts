/**
 * The history of a machine that runs elsewhere: records of how its clock changed here. Transitions do not
 * travel, so a record has no mutation, args or canceled transitions, and may cover several transitions.
 */

import type { ClockView } from "../clock_view.ts";
import { unknownState } from "../errors.ts";
import {
  type HistoryWindow,
  isWithin,
  overlap,
  type RecordQuery,
  Records,
  type StateRecord,
  sum,
} from "./records.ts";

/** How a clock that follows another one moved, as a replica machine or a remote machine says. */
export interface TracedChange<N extends string = string> {
  readonly type: "diff" | "epoch" | "join";
  readonly epoch: string;
  readonly seqBefore: number;
  readonly seq: number;
  readonly changedAtMs: number;
  readonly flips: readonly {
    readonly state: N;
    readonly tickBefore: number;
    readonly tick: number;
    readonly wasActive: boolean;
    readonly isActive: boolean;
    readonly activations: number;
  }[];
  readonly traceContexts: readonly Uint8Array[];
}

/** What can be recorded by its changes: a replica machine or a remote machine. */
export interface ChangeSource<N extends string = string> extends ClockView<N> {
  readonly epoch: string;
  readonly seq: number;
  trace(tracer: { change?(change: TracedChange<N>): void }): () => void;
}

export interface ChangeHistoryOptions<N extends string = string> {
  /** Most records kept; the oldest are dropped first. Default 1,000. */
  readonly maxRecords?: number;
  /** The tracked states, whose ticks each record keeps, at 16 bytes each. Default: all states, or only those of `changed` if given. */
  readonly states?: readonly N[];
  /** Records only changes that moved one of these states, and tracks these states. */
  readonly changed?: readonly N[];
  /** Leaves out changes that moved one of these states. */
  readonly notChanged?: readonly N[];
  /** Wall time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * One change of the clock. `entered` and `exited` are in index order; a state that did both within it is in
 * both. In a new epoch ticks start over, so only activity is compared: a tick's growth is 1 if its state
 * activated, -1 if it deactivated, otherwise 0; `timeSumDiff` and `sincePrevious` are 0.
 */
export interface ChangeRecord<N extends string = string> extends StateRecord<N> {
  /** `epoch`: the source restarted, or has another schema. */
  readonly type: "diff" | "epoch";
  /** `<epoch>-<seq>` after it. */
  readonly version: string;
  readonly epoch: string;
  readonly seq: number;
  /** The seq before it, of the previous epoch if the type is `epoch`. Further than 1 from `seq`: several transitions arrived as one. */
  readonly seqBefore: number;
  /** Wall time of the root when it reached `seq`, in milliseconds since 1970; 0 if unknown. `at` is the time here. */
  readonly changedAtMs: number;
  /** W3C trace contexts of its transitions, at most the last 16. */
  readonly traceContexts: readonly Uint8Array[];
}

/** The conditions on a record; all must hold. */
export interface ChangeQuery<N extends string = string> extends RecordQuery<N> {
  readonly epoch?: string;
  readonly seq?: HistoryWindow;
  readonly changedAtMs?: HistoryWindow;
}

/** The changes of a remote machine's clock, from `recordHistory()`. The first clock is no change. */
export class ChangeHistory<N extends string = string> extends Records<
  N,
  ChangeRecord<N>,
  ChangeQuery<N>
> {
  readonly #source: ChangeSource<N>;
  readonly #options: ChangeHistoryOptions<N>;
  readonly #now: () => number;
  readonly #stop: () => void;

  constructor(source: ChangeSource<N>, options: ChangeHistoryOptions<N>) {
    const { changed, notChanged = [], now = Date.now } = options;
    const states = options.states ?? (changed === undefined ? source.names : []);
    super(source, [...states, ...(changed ?? [])], options.maxRecords);
    for (const name of notChanged) if (source.indexOf(name) < 0) throw unknownState(source, name);
    this.#source = source;
    this.#options = options;
    this.#now = now;
    this.#stop = source.trace({ change: (change) => this.#record(change) });
  }

  override stop(): void {
    this.#stop();
  }

  protected override meets(record: ChangeRecord<N>, query: ChangeQuery<N>): boolean {
    return (
      (query.epoch === undefined || query.epoch === record.epoch) &&
      isWithin(record.seq, query.seq) &&
      isWithin(record.changedAtMs, query.changedAtMs) &&
      super.meets(record, query)
    );
  }

  #record(change: TracedChange<N>): void {
    const { epoch, seq, seqBefore, changedAtMs, flips, traceContexts } = change;
    if (!this.#isWanted(flips.map(({ state }) => state))) return;
    const isNewEpoch = change.type === "epoch";
    const ticks = Float64Array.from(this.states, (name) => this.#source.tick(name));
    const ticksDiff = new Float64Array(this.states.length);
    const entered: N[] = [];
    const exited: N[] = [];
    let timeSumDiff = 0;
    for (const flip of flips) {
      const { state, tick, tickBefore, wasActive, isActive, activations } = flip;
      if (activations > 0) entered.push(state);
      // It left, or has been active in between. A multi state that stays active was only called again.
      const hasLeft = isNewEpoch ? wasActive : Math.floor(tick / 2) > Math.floor(tickBefore / 2);
      const isMulti = this.#source.schema[state]?.multi ?? false;
      if (hasLeft && !(isMulti && isActive)) exited.push(state);
      const moved = isNewEpoch ? Number(isActive) - Number(wasActive) : tick - tickBefore;
      if (!isNewEpoch) timeSumDiff += moved;
      const place = this.placeOf(state);
      if (place >= 0) ticksDiff[place] = moved;
    }
    const { latest } = this;
    const { timeSum } = this.#source;
    this.push({
      type: isNewEpoch ? "epoch" : "diff",
      version: `${epoch}-${seq}`,
      epoch,
      seq,
      seqBefore,
      changedAtMs,
      traceContexts,
      entered,
      exited,
      at: this.#now(),
      timeSum,
      timeSumDiff,
      sincePrevious: latest?.epoch === epoch ? timeSum - latest.timeSum : 0,
      trackedSum: sum(ticks),
      trackedSumDiff: isNewEpoch ? 0 : sum(ticksDiff),
      ticks,
      ticksDiff,
    });
  }

  #isWanted(moved: readonly N[]): boolean {
    const { changed, notChanged } = this.#options;
    return (
      (changed === undefined || overlap(moved, changed)) &&
      (notChanged === undefined || !overlap(moved, notChanged))
    );
  }
}
