/** Requests `GET /states` of one node in a loop, and compares each response with the root and with earlier responses of the node. */

import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpNode, type HttpResponse, httpRequest } from "./http_request.ts";
import { type RootRecord, splitVersion } from "./root_record.ts";
import { VersionOrder } from "./version_order.ts";

export interface WatchOptions {
  /** Between a response and the next request, in milliseconds. Default 5. */
  readonly paceMs?: number;
}

/** Counts of the requests to a node. */
export interface WatchCounts {
  /** Responses with status 200. */
  responses: number;
  /** Of these, the responses at a version in the record, equal to the root. */
  equal: number;
  /** At versions after the last recorded one of an ended life, with equal states on all nodes. */
  agreed: number;
  /** At versions between two recorded ones. */
  unknown: number;
  /** Requests without a response while the node was allowed to be down. */
  away: number;
  /** Highest age, in milliseconds. */
  oldestMs: number;
  /** Largest amount by which an age was too low, in milliseconds. */
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
    responses: 0,
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
  /** Responses at versions that were not in the record yet. */
  readonly #unsettled: Shown[] = [];
  readonly #order = new VersionOrder();
  #isAllowedAway = false;

  constructor(node: () => HttpNode, record: RootRecord, options: WatchOptions = {}) {
    this.name = node().name;
    this.#node = node;
    this.#record = record;
    this.#options = { paceMs: options.paceMs ?? 5 };
  }

  /** Sends requests until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!signal.aborted) {
      await this.#ask(agent, signal);
      await sleep(this.#options.paceMs);
    }
    agent.destroy();
  }

  /** Call it before the node's process ends: from now on it may be down. */
  goes(): void {
    this.#isAllowedAway = true;
  }

  /** Call it when a new process of the node is ready: it may no longer be down. */
  returned(): void {
    this.#isAllowedAway = false;
  }

  /** Number of responses that are not judged yet. */
  get unsettled(): number {
    return this.#unsettled.length;
  }

  /**
   * What went wrong, as readable lines. Judges all responses, or the first `count` of those not judged yet,
   * for which the record must be complete.
   */
  problems(count = this.#unsettled.length): string[] {
    for (const shown of this.#unsettled.splice(0, count)) this.#settle(shown);
    return [...new Set(this.#problems)].map((problem) => `${this.name} ${problem}`);
  }

  async #ask(agent: Agent, signal: AbortSignal): Promise<void> {
    const node = this.#node();
    const askedAtMs = performance.now();
    let response: HttpResponse;
    try {
      response = await httpRequest(`${node.url}/states`, { agent, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (this.#isAllowedAway) {
        this.counts.away++;
        this.#order.forget();
      } else this.#problems.push(`did not respond: ${(error as Error).message}`);
      return;
    }
    if (response.status !== 200) {
      this.#problems.push(`responded ${response.status}: ${response.body}`);
      return;
    }
    this.#check(response, askedAtMs);
  }

  #check(response: HttpResponse, askedAtMs: number): void {
    const { version, time, states } = response.json<{
      version: string;
      time: number;
      states: string[];
    }>();
    this.counts.responses++;
    const back = this.#order.next(version);
    if (back !== undefined) this.#problems.push(back);
    this.#checkAge(version, Number(response.headers["machine-age-ms"]), askedAtMs);
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

  /** An age of x ms claims that the root had no later version x ms ago. */
  #checkAge(version: string, ageMs: number, askedAtMs: number): void {
    const { epoch, seq } = splitVersion(version);
    this.counts.oldestMs = Math.max(this.counts.oldestMs, ageMs);
    const supersededAtMs = this.#record.supersededAtMs(epoch, seq);
    if (supersededAtMs === undefined) return;
    const understatedMs = askedAtMs - ageMs - supersededAtMs;
    this.counts.understatedMs = Math.max(this.counts.understatedMs, understatedMs);
    if (understatedMs > 0) {
      this.#problems.push(
        `showed an age of ${ageMs} ms for ${version}, at least ${understatedMs.toFixed(1)} ms too low`,
      );
    }
  }
}
