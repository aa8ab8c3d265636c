/** The history of the root: every epoch and seq with its ticks, schema and time. Replicas are compared with it. */

import type { Schema } from "../../machine/mod.ts";
import type { MutationResponse, VersionedClock } from "../../replication/mod.ts";

/** One epoch. */
interface Life {
  /** Its position among all epochs. */
  readonly place: number;
  readonly names: readonly string[];
  readonly schema: Schema;
  /** {@linkcode canonical} of its schema, or of the part with some prefixes. */
  readonly texts: Map<string, string>;
  /** Ticks by seq, from 0. */
  readonly ticks: Float64Array[];
}

/** A mutation that the root's machine ran. */
interface Run {
  readonly life: number;
  readonly result: MutationResponse["result"];
  readonly epoch: string;
  readonly seq: number;
}

interface Moment {
  readonly atMs: number;
  readonly place: number;
  readonly seq: number;
}

export class Truth {
  readonly #lives = new Map<string, Life>();
  /** In order of time. */
  readonly #moments: Moment[] = [];
  readonly #runs = new Map<string, Run[]>();

  /** Records the current clock of the source. Returns what is wrong with it, if anything is. */
  record(clock: VersionedClock, nowMs: number): string | undefined {
    const { epoch, seq, names, ticks } = clock;
    let life = this.#lives.get(epoch);
    if (life === undefined) {
      const { schema } = clock;
      life = { place: this.#lives.size, names, schema, texts: new Map(), ticks: [] };
      this.#lives.set(epoch, life);
    }
    if (seq !== life.ticks.length || life.place !== this.#lives.size - 1)
      return `The root went from ${epoch}-${life.ticks.length - 1} to ${epoch}-${seq}`;
    life.ticks.push(ticks.slice());
    this.#moments.push({ atMs: nowMs, place: life.place, seq });
    return undefined;
  }

  /** Records that the machine of the root's process number `life` ran a mutation. */
  recordRun(id: string, run: Run): void {
    const runs = this.#runs.get(id);
    if (runs === undefined) this.#runs.set(id, [run]);
    else runs.push(run);
  }

  /** What is wrong with a served clock; undefined if the root had exactly this, in the states with `prefixes`. */
  mismatch(clock: VersionedClock, prefixes: readonly string[] = [""]): string | undefined {
    const { epoch, seq, names, ticks, version } = clock;
    const life = this.#lives.get(epoch);
    if (life === undefined) return `serves ${version}: the root never had this epoch`;
    const all = life.ticks[seq];
    if (all === undefined) return `serves ${version}: the root was never at it`;
    const isChosen = (name: string) => prefixes.some((prefix) => name.startsWith(prefix));
    const chosen = life.names.filter(isChosen);
    if (names.join() !== chosen.join()) return `serves ${version} with states ${names.join()}`;
    if (canonical(clock.schema) !== textOf(life, chosen))
      return `serves ${version} with another schema`;
    const expected = all.filter((_, i) => isChosen(life.names[i]!));
    if (ticks.length !== expected.length || expected.some((tick, i) => tick !== ticks[i]))
      return `serves ${version} with ticks ${ticks.join()}, the root had ${expected.join()}`;
    return undefined;
  }

  /** The same for a clock of all states that only advanced in its epoch. */
  mismatchInEpoch(clock: VersionedClock): string | undefined {
    const expected = this.#lives.get(clock.epoch)?.ticks[clock.seq];
    const { ticks } = clock;
    if (expected !== undefined) {
      let i = 0;
      while (i < ticks.length && ticks[i] === expected[i]) i++;
      if (i === expected.length) return undefined;
    }
    return this.mismatch(clock);
  }

  /** Orders versions by the time at which the root had them: negative if the first is older. An epoch that the root never had is the oldest. */
  compare(a: Version, b: Version): number {
    return this.#placeOf(a.epoch) - this.#placeOf(b.epoch) || a.seq - b.seq;
  }

  /** The root's newest version before `atMs`, if it is newer than `version`. */
  newerBefore(atMs: number, version: Version): string | undefined {
    const moments = this.#moments;
    let low = 0;
    let high = moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moments[middle]!.atMs < atMs) low = middle + 1;
      else high = middle;
    }
    const moment = moments[low - 1];
    if (moment === undefined) return undefined;
    const place = this.#placeOf(version.epoch);
    if (moment.place < place || (moment.place === place && moment.seq <= version.seq))
      return undefined;
    return `${[...this.#lives.keys()][moment.place]}-${moment.seq} since ${moment.atMs.toFixed(1)} ms`;
  }

  /** What is wrong with a response to mutation `id`; undefined if it matches the history of the root. */
  disproves(id: string, response: MutationResponse): string | undefined {
    const [epoch = "", seq] = response.version.split("-");
    const life = this.#lives.get(epoch);
    if (life === undefined || life.ticks[Number(seq)] === undefined)
      return `got a response with version ${response.version}, which the root never had`;
    const run = this.#runs.get(id)?.find((run) => run.epoch === epoch && run.seq <= Number(seq));
    if (run === undefined)
      return `got the response "${response.result}", and never ran in that epoch`;
    if (run.result !== response.result)
      return `got the response "${response.result}", and was ${run.result}`;
    return undefined;
  }

  /** How often mutation `id` ran: the most in any one process of the root, and in total. */
  runsOf(id: string): { inOneLife: number; total: number } {
    const runs = this.#runs.get(id) ?? [];
    const lives = new Map<number, number>();
    for (const { life } of runs) lives.set(life, (lives.get(life) ?? 0) + 1);
    return { inOneLife: Math.max(0, ...lives.values()), total: runs.length };
  }

  #placeOf(epoch: string): number {
    return this.#lives.get(epoch)?.place ?? -1;
  }
}

function textOf({ schema, texts }: Life, names: readonly string[]): string {
  const key = names.join();
  let text = texts.get(key);
  if (text === undefined) {
    text = canonical(Object.fromEntries(names.map((name) => [name, schema[name]!])));
    texts.set(key, text);
  }
  return text;
}

export interface Version {
  readonly epoch: string;
  readonly seq: number;
}

/** Equal texts for equivalent schemas; lists keep their order. */
function canonical(schema: Schema): string {
  const states = Object.entries(schema).map(([name, state]) => [
    name,
    Object.entries(state)
      .filter(([, value]) => value !== false && value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return JSON.stringify(states.sort(([a], [b]) => (a! < b! ? -1 : 1)));
}
