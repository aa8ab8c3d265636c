/** The root's clock at each version, recorded from its event stream, to compare the responses of all other nodes with. */

import { setTimeout as sleep } from "node:timers/promises";

/** Number of remembered versions: a replica that is further behind cannot be checked. */
const MAX_VERSIONS = 50_000;

export type Verdict =
  | "equal"
  | "different"
  /** The record has no such version: the root was killed before it sent it, or versions were merged. */
  | "unknown";

/** A verdict once the record is complete. */
export type FinalVerdict =
  | Verdict
  /** After the last recorded version of an earlier life: a root that stops runs on after its event streams have ended. All nodes show the same states at it. */
  | "agreed"
  /** The root had no such version. */
  | "never";

/** One epoch of the root. */
interface Life {
  readonly names: readonly string[];
  /** In order of seq. */
  readonly versions: { readonly seq: number; readonly seenAtMs: number }[];
  /** The last recorded ticks by state. */
  clocks: Readonly<Record<string, number>>;
}

export class RootRecord {
  readonly #url: () => string;
  readonly #ticks = new Map<string, string>();
  readonly #lives = new Map<string, Life>();
  /** States that nodes showed at versions after the last recorded one of an earlier life. */
  readonly #afterEnd = new Map<string, string>();
  #clocks: Record<string, number> = {};
  #version = "";

  /** `url` is a function for a root whose address changes when it restarts. */
  constructor(url: string | (() => string)) {
    this.#url = typeof url === "string" ? () => url : url;
  }

  get url(): string {
    return this.#url();
  }

  get version(): string {
    return this.#version;
  }

  get epochs(): number {
    return this.#lives.size;
  }

  /** Number of remembered versions. */
  get size(): number {
    return this.#ticks.size;
  }

  /** Follows the root, across restarts, until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const headers = this.#version === "" ? {} : { "last-event-id": this.#version };
        const response = await fetch(`${this.url}/states/stream`, { signal, headers });
        if (response.ok && response.body !== null) await this.#read(response.body);
        else await response.body?.cancel();
      } catch {
        // The root is down: killed, or not started yet.
      }
      await sleep(20);
    }
  }

  /** Whether the root had exactly these ticks at this version. */
  check(version: string, clocks: Readonly<Record<string, number>>): Verdict {
    const ticks = this.#ticks.get(version);
    if (ticks === undefined) return "unknown";
    return ticks === ticksOf(clocks) ? "equal" : "different";
  }

  /** Whether the root had exactly these active states, and this sum of ticks, at this version. */
  checkStates(version: string, timeSum: number, states: readonly string[]): Verdict {
    const ticks = this.#ticks.get(version)?.split(",").map(Number);
    if (ticks === undefined) return "unknown";
    const { names } = this.#lives.get(splitVersion(version).epoch)!;
    const active = names.filter((_, index) => ticks[index]! % 2 === 1);
    const isEqual =
      timeSum === ticks.reduce((sum, tick) => sum + tick, 0) &&
      states.length === active.length &&
      states.every((state, index) => state === active[index]);
    return isEqual ? "equal" : "different";
  }

  /** As {@linkcode checkStates}, once the record is complete. */
  judgeStates(version: string, timeSum: number, states: readonly string[]): FinalVerdict {
    const verdict = this.checkStates(version, timeSum, states);
    if (verdict !== "unknown") return verdict;
    const { epoch, seq } = splitVersion(version);
    const lastSeq = this.lastSeq(epoch);
    if (lastSeq === undefined) return "never";
    if (seq < lastSeq) return "unknown";
    if (epoch === this.lives.at(-1)) return "never";
    const shown = `${timeSum} ${states}`;
    const before = this.#afterEnd.get(version) ?? shown;
    this.#afterEnd.set(version, before);
    return before === shown ? "agreed" : "different";
  }

  /** The epochs of all lives, the current one last. */
  get lives(): readonly string[] {
    return [...this.#lives.keys()];
  }

  /** Whether the record has this version or a later one of its epoch. */
  hasReached(version: string): boolean {
    const { epoch, seq } = splitVersion(version);
    return (this.lastSeq(epoch) ?? -1) >= seq;
  }

  /** Highest recorded seq of an epoch; undefined for an unknown epoch. */
  lastSeq(epoch: string): number | undefined {
    return this.#lives.get(epoch)?.versions.at(-1)?.seq;
  }

  /** Last recorded tick of a state in an epoch. */
  lastTick(epoch: string, state: string): number | undefined {
    return this.#lives.get(epoch)?.clocks[state];
  }

  /** When the first version after `seq` was recorded, in monotonic milliseconds: the root had it by then. Undefined without one. */
  supersededAtMs(epoch: string, seq: number): number | undefined {
    const versions = this.#lives.get(epoch)?.versions ?? [];
    let [low, high] = [0, versions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (versions[middle]!.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return versions[low]?.seenAtMs;
  }

  async #read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) this.#take(event);
    }
  }

  #take(event: string): void {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    const { version, clocks } = JSON.parse(data) as {
      version: string;
      clocks: Record<string, number>;
    };
    if (event.startsWith("event: snapshot")) this.#clocks = clocks;
    else this.#clocks = { ...this.#clocks, ...clocks };
    this.#version = version;
    const { epoch, seq } = splitVersion(version);
    let life = this.#lives.get(epoch);
    if (life === undefined) {
      life = { names: Object.keys(this.#clocks), versions: [], clocks };
      this.#lives.set(epoch, life);
    }
    life.clocks = this.#clocks;
    life.versions.push({ seq, seenAtMs: performance.now() });
    if (life.versions.length > MAX_VERSIONS) life.versions.shift();
    this.#ticks.set(version, ticksOf(this.#clocks));
    if (this.#ticks.size > MAX_VERSIONS) this.#ticks.delete(this.#ticks.keys().next().value!);
  }
}

/** The parts of `<epoch>-<seq>`. */
export function splitVersion(version: string): { readonly epoch: string; readonly seq: number } {
  const [epoch = "", seq = ""] = version.split("-");
  return { epoch, seq: Number(seq) };
}

function ticksOf(clocks: Readonly<Record<string, number>>): string {
  return Object.values(clocks).join(",");
}
