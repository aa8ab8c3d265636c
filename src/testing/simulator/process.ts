/** A process of the simulation, from a start of a node to its end. It can be paused and killed. */

import type { TimeSource } from "../../replication/mod.ts";
import type { EventQueue } from "./events.ts";

/** What a paused process runs first when it continues: a real one may find either at its next turn. */
export type WakeOrder = "as due" | "timers first" | "network first";

/** Wall time at the start of every run: 2026-01-01T00:00:00Z. */
const WALL_START_MS = 1_767_225_600_000;

interface Deferred {
  readonly isTimer: boolean;
  readonly run: () => void;
}

export class SimProcess {
  readonly name: string;
  readonly time: TimeSource;
  readonly #events: EventQueue;
  readonly #onRun: () => void;
  #isAlive = true;
  #isPaused = false;
  #pendingTimers = 0;
  #wallErrorMs: number;
  #resumedAtMs = Number.NEGATIVE_INFINITY;
  /** Events that came while it was paused and have not run yet. */
  #deferred: Deferred[] = [];

  /** `wallErrorMs` is the error of its wall clock, `monotonicStartMs` its monotonic time at the start of the simulation. `onRun` is called after each of its events. */
  constructor(
    name: string,
    events: EventQueue,
    options: {
      readonly wallErrorMs: number;
      readonly monotonicStartMs: number;
      readonly onRun: () => void;
    },
  ) {
    this.name = name;
    this.#events = events;
    this.#onRun = options.onRun;
    this.#wallErrorMs = options.wallErrorMs;
    const { monotonicStartMs } = options;
    this.time = {
      now: () => Math.floor(WALL_START_MS + this.#wallErrorMs + events.nowMs),
      monotonic: () => monotonicStartMs + events.nowMs,
      setTimer: (delayMs, run) => this.#setTimer(delayMs, run),
      defer: (run) => this.#setTimer(0, run),
    };
  }

  /** Moves its wall clock forward or back. */
  setWall(byMs: number): void {
    this.#wallErrorMs += byMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether events that came while it was paused have not run yet. */
  get isCatchingUp(): boolean {
    return this.#deferred.length > 0;
  }

  /** When it continued after its last pause; -Infinity if it was never paused. */
  get resumedAtMs(): number {
    return this.#resumedAtMs;
  }

  get pendingTimers(): number {
    return this.#pendingTimers;
  }

  /** Runs `run` in the process: now, or once it continues; never if it has ended. */
  post(run: () => void, isTimer = false): void {
    if (!this.#isAlive) return;
    if (this.#isPaused || this.#deferred.length > 0) this.#deferred.push({ isTimer, run });
    else this.#run(run);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(order: WakeOrder): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#resumedAtMs = this.#events.nowMs;
    const rank = ({ isTimer }: Deferred) => (isTimer === (order === "timers first") ? 0 : 1);
    if (order !== "as due") this.#deferred.sort((a, b) => rank(a) - rank(b));
    this.#catchUp();
  }

  kill(): void {
    this.#isAlive = false;
    this.#deferred = [];
  }

  #catchUp(): void {
    this.#events.at(this.#events.nowMs, () => {
      if (this.#isPaused) return;
      const next = this.#deferred.shift();
      if (next === undefined) return;
      this.#run(next.run);
      if (this.#deferred.length > 0) this.#catchUp();
    });
  }

  #run(run: () => void): void {
    run();
    this.#onRun();
  }

  #setTimer(delayMs: number, run: () => void): () => void {
    let isWaiting = true;
    this.#pendingTimers++;
    const end = () => {
      if (isWaiting) this.#pendingTimers--;
      isWaiting = false;
    };
    const cancel = this.#events.at(this.#events.nowMs + Math.max(0, delayMs), () =>
      this.post(() => {
        if (!isWaiting) return;
        end();
        run();
      }, true),
    );
    return () => {
      end();
      cancel();
    };
  }
}
