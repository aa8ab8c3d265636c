/** Requests the clock of one node, and compares each response with what the root had. */

import { type RootRecord, VersionOrder } from "../faults/mod.ts";

export interface WatchCounts {
  responses: number;
  equal: number;
  unknown: number;
  /** No connection: the process was down. */
  unreachable: number;
  /** 503 before its first clock, after a start. */
  notYet: number;
  oldestMs: number;
}

export class ReplicaWatch {
  readonly name: string;
  readonly url: string;
  readonly #record: RootRecord;
  readonly counts: WatchCounts = {
    responses: 0,
    equal: 0,
    unknown: 0,
    unreachable: 0,
    notYet: 0,
    oldestMs: 0,
  };
  /** Violations, as readable lines. */
  readonly violations: string[] = [];
  readonly #order = new VersionOrder();
  #hasClock = false;

  constructor(name: string, url: string, record: RootRecord) {
    this.name = name;
    this.url = url;
    this.#record = record;
  }

  /** The node's process restarted, without a clock. */
  restarted(): void {
    this.#hasClock = false;
    this.#order.forget();
  }

  async ask(): Promise<void> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.url}/clocks`, { signal: AbortSignal.timeout(30_000) });
      text = await response.text();
    } catch {
      this.counts.unreachable++;
      return;
    }
    if (!response.ok) {
      if (response.status === 503 && !this.#hasClock) this.counts.notYet++;
      else this.violations.push(`${this.name} responded ${response.status}: ${text}`);
      return;
    }
    this.#hasClock = true;
    const age = Number(response.headers.get("machine-age-ms"));
    this.counts.responses++;
    this.counts.oldestMs = Math.max(this.counts.oldestMs, age);
    const { version, clocks } = JSON.parse(text) as {
      version: string;
      clocks: Record<string, number>;
    };
    const back = this.#order.next(version);
    if (back !== undefined) this.violations.push(`${this.name} ${back}`);
    const verdict = this.#record.check(version, clocks);
    if (verdict === "different")
      this.violations.push(`${this.name} differs from the root at version ${version}`);
    else this.counts[verdict]++;
  }
}
