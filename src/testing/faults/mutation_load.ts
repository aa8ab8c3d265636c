/** Sends mutations through many nodes, repeats each with its idempotency key until a response comes, and checks that each took effect once. */

import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpNode, type HttpResponse, httpRequest } from "./http_request.ts";
import { type RootRecord, splitVersion } from "./root_record.ts";

/** A multi state: the first mutation that adds it moves its tick by 1, all others by 2. */
export const COUNTED_STATE = "Healthcheck";

export interface LoadOptions {
  /** Mutations in flight at the same time. Default 4. */
  readonly concurrency?: number;
  /** Between a response and the next mutation in its place, in milliseconds. Default 10. */
  readonly paceMs?: number;
  /** Longest wait for the response to one try, in milliseconds. Default 3,000. */
  readonly patienceMs?: number;
}

export class MutationLoad {
  readonly #nodes: () => readonly HttpNode[];
  readonly #prefix = crypto.randomUUID();
  readonly #options: Required<LoadOptions>;
  /** Versions at which mutations of {@linkcode COUNTED_STATE} were executed. */
  readonly #executed: string[] = [];
  readonly #problems: string[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  #keys = 0;
  #tries = 0;
  /** How long each mutation took with all its tries, for those that have a response. */
  readonly #tookMs: number[] = [];

  /** `nodes` returns the nodes that take mutations at the moment. */
  constructor(nodes: () => readonly HttpNode[], options: LoadOptions = {}) {
    this.#nodes = nodes;
    this.#options = {
      concurrency: options.concurrency ?? 4,
      paceMs: options.paceMs ?? 10,
      patienceMs: options.patienceMs ?? 3_000,
    };
  }

  /** How many mutations have a response, and how many tries there were. */
  get counts() {
    return { responses: this.#tookMs.length, tries: this.#tries };
  }

  /** The counts and how long responses took, as a line for people. */
  describe(): string {
    const times = this.#tookMs.toSorted((a, b) => a - b);
    const at = (share: number) =>
      (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(1);
    return `mutations: ${times.length} completed in ${this.#tries} tries, after ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${at(1)} ms (slowest)`;
  }

  /** Sends mutations until `signal` aborts; resolves when all of them have a response. */
  async run(signal: AbortSignal): Promise<void> {
    const { concurrency, paceMs } = this.#options;
    const send = async () => {
      while (!signal.aborted) {
        await this.send();
        await sleep(paceMs);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, send));
    this.#agent.destroy();
  }

  /**
   * Sends one mutation until it has a response, each try through the next of `nodes` (default: those of the
   * load). Resolves to the version at which its result holds.
   */
  async send(nodes = this.#nodes): Promise<string> {
    const number = this.#keys++;
    const startedAtMs = performance.now();
    // Every second mutation toggles a state that is visible; only mutations of one state are counted.
    const isCounted = number % 2 === 0;
    const body = isCounted
      ? { type: "add", states: [COUNTED_STATE] }
      : { type: "toggle", states: [`Flight${1 + ((number >> 1) % 10)}Delayed`] };
    for (let i = 0; ; i++) {
      const present = nodes();
      const node = present[(number + i) % present.length]!;
      const response = await this.#try(node, `${this.#prefix}-${number}`, body);
      if (response === undefined) {
        await sleep(20);
        continue;
      }
      this.#tookMs.push(performance.now() - startedAtMs);
      if (isCounted && response.result === "executed") this.#executed.push(response.version);
      if (isCounted && response.result !== "executed")
        this.#problems.push(`mutation ${number} was ${response.result}`);
      return response.version;
    }
  }

  /**
   * What went wrong, as readable lines. With a record, which must have all versions of the root, checks the
   * effects as well: in the current life of the root, there is exactly one for each response; in an earlier
   * life, at least one. This needs a root whose feed does not add {@linkcode COUNTED_STATE}.
   */
  problems(record?: RootRecord): string[] {
    return record === undefined
      ? this.#problems
      : [...this.#problems, ...this.#wrongEffects(record)];
  }

  #wrongEffects(record: RootRecord): string[] {
    const executed = Map.groupBy(this.#executed.map(splitVersion), ({ epoch }) => epoch);
    return [...executed].flatMap(([epoch, responses]) => {
      const lastSeq = record.lastSeq(epoch) ?? 0;
      // A root that stops still runs mutations after its event streams have ended.
      const seen = responses.filter(({ seq }) => seq <= lastSeq).length;
      const tick = record.lastTick(epoch, COUNTED_STATE) ?? 0;
      const effects = tick === 0 ? 0 : (tick + 1) / 2;
      const isOver = epoch !== record.lives.at(-1);
      const isRight = isOver ? effects >= seen : effects === responses.length;
      return isRight
        ? []
        : [`in epoch ${epoch}, ${responses.length} were executed and ${effects} took effect`];
    });
  }

  async #try(
    node: HttpNode,
    key: string,
    body: unknown,
  ): Promise<{ result: string; version: string } | undefined> {
    this.#tries++;
    let response: HttpResponse;
    try {
      response = await httpRequest(`${node.url}/mutations`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
        agent: this.#agent,
        signal: AbortSignal.timeout(this.#options.patienceMs),
      });
    } catch {
      return undefined;
    }
    if (response.status === 200) return response.json();
    // While parts of the tree are down, these two are correct, and no others.
    if (response.status !== 503 && response.status !== 504)
      this.#problems.push(
        `${node.name} responded to ${key} with ${response.status}: ${response.body}`,
      );
    return undefined;
  }
}
