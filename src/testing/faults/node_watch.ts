/** Reads one node's `GET /states` all the time, and holds each answer against what the root had and what the node said before. */

import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpAnswer, type HttpNode, httpRequest } from "./http_request.ts";
import { type RootRecord, splitVersion } from "./root_record.ts";
import { VersionOrder } from "./version_order.ts";

export interface WatchOptions {
  /** Between an answer and the next question, in milliseconds. Default 5. */
  readonly paceMs?: number;
}

/** What was asked of a node, and answered. */
export interface WatchCounts {
  /** With 200. */
  answers: number;
  /** Of these, the ones at versions recorded at the root, with its states. */
  equal: number;
  /** At versions after the last one seen of an ended life, with the states that all nodes showed there. */
  agreed: number;
  /** At versions between two that were recorded. */
  unknown: number;
  /** Without an answer, while the node was allowed to be away. */
  away: number;
  /** Highest age told, in milliseconds. */
  oldestMs: number;
  /** Most by which an age was told too low, in milliseconds. */
  understatedMs: number;
}

interface Shown {
  readonly version: string;
  readonly timeSum: number;
  readonly states: readonly string[];
}

export class NodeWatch {
  readonly name: string;
  readonly counts: WatchCounts = {
    answers: 0,
    equal: 0,
    agreed: 0,
    unknown: 0,
    away: 0,
    oldestMs: 0,
    understatedMs: 0,
  };
  readonly #node: () => HttpNode;
  readonly #record: RootRecord;
  readonly #options: Required<WatchOptions>;
  readonly #problems: string[] = [];
  /** Answers at versions that were not recorded yet when they came. */
  readonly #unsettled: Shown[] = [];
  readonly #order = new VersionOrder();
  #isAllowedAway = false;

  constructor(node: () => HttpNode, record: RootRecord, options: WatchOptions = {}) {
    this.name = node().name;
    this.#node = node;
    this.#record = record;
    this.#options = { paceMs: options.paceMs ?? 5 };
  }

  /** Asks until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!signal.aborted) {
      await this.#ask(agent, signal);
      await sleep(this.#options.paceMs);
    }
    agent.destroy();
  }

  /** The node's process is about to end: from now on it may be away. */
  goes(): void {
    this.#isAllowedAway = true;
  }

  /** A new process has taken its place and is ready: it may no longer be away. */
  returned(): void {
    this.#isAllowedAway = false;
  }

  /** How many answers wait to be judged until the record has their versions. */
  get unsettled(): number {
    return this.#unsettled.length;
  }

  /**
   * All that must not have been, as readable lines. Judges what is unsettled, or the first `count` of it,
   * once the record has all that the root had by then.
   */
  problems(count = this.#unsettled.length): string[] {
    for (const shown of this.#unsettled.splice(0, count)) this.#settle(shown);
    return [...new Set(this.#problems)].map((problem) => `${this.name} ${problem}`);
  }

  async #ask(agent: Agent, signal: AbortSignal): Promise<void> {
    const node = this.#node();
    const askedAtMs = performance.now();
    let answer: HttpAnswer;
    try {
      answer = await httpRequest(`${node.url}/states`, { agent, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (this.#isAllowedAway) {
        this.counts.away++;
        this.#order.forget();
      } else this.#problems.push(`gave no answer: ${(error as Error).message}`);
      return;
    }
    if (answer.status !== 200) {
      this.#problems.push(`answered ${answer.status}: ${answer.body}`);
      return;
    }
    this.#check(answer, askedAtMs);
  }

  #check(answer: HttpAnswer, askedAtMs: number): void {
    const { version, time, states } = answer.json<{
      version: string;
      time: number;
      states: string[];
    }>();
    this.counts.answers++;
    const back = this.#order.next(version);
    if (back !== undefined) this.#problems.push(back);
    this.#checkAge(version, Number(answer.headers["machine-age-ms"]), askedAtMs);
    const shown = { version, timeSum: time, states };
    if (this.#record.checkStates(version, time, states) === "unknown") this.#unsettled.push(shown);
    else this.#settle(shown);
  }

  #settle({ version, timeSum, states }: Shown): void {
    const verdict = this.#record.judgeStates(version, timeSum, states);
    if (verdict === "never") this.#problems.push(`showed ${version}, which the root never had`);
    else if (verdict === "different")
      this.#problems.push(`showed other states than the root, or than other nodes, at ${version}`);
    else this.counts[verdict]++;
  }

  /** An age says: this was all that the root had then. What it had by that time was no later version. */
  #checkAge(version: string, ageMs: number, askedAtMs: number): void {
    const { epoch, seq } = splitVersion(version);
    this.counts.oldestMs = Math.max(this.counts.oldestMs, ageMs);
    const supersededAtMs = this.#record.supersededAtMs(epoch, seq);
    if (supersededAtMs === undefined) return;
    const understatedMs = askedAtMs - ageMs - supersededAtMs;
    this.counts.understatedMs = Math.max(this.counts.understatedMs, understatedMs);
    if (understatedMs > 0) {
      this.#problems.push(
        `told an age of ${ageMs} ms for ${version}, at least ${understatedMs.toFixed(1)} ms too low`,
      );
    }
  }
}
