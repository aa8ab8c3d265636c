/** Mutations through many nodes, each with an idempotency key and repeated until it is answered, and whether each had its effect once. */

import { Agent } from "node:http";
import { type HttpAnswer, type HttpNode, httpRequest } from "./http_request.ts";
import { type RootRecord, splitVersion } from "./root_record.ts";

/** A multi state: each mutation that adds it moves its tick, the first by 1 and all others by 2. */
export const COUNTED_STATE = "Healthcheck";

export interface LoadOptions {
  /** Mutations under way at the same time. Default 4. */
  readonly concurrency?: number;
  /** Between an answer and the next mutation of the same of these, in milliseconds. Default 10. */
  readonly paceMs?: number;
  /** Until a try without an answer is given up, in milliseconds. Default 3,000. */
  readonly patienceMs?: number;
}

export class MutationLoad {
  readonly #nodes: () => readonly HttpNode[];
  readonly #prefix = crypto.randomUUID();
  readonly #options: Required<LoadOptions>;
  /** The versions at which those that count were answered as executed. */
  readonly #executed: string[] = [];
  readonly #problems: string[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  #keys = 0;
  #tries = 0;
  #answered = 0;
  #slowestMs = 0;

  /** `nodes` are those that take mutations at the moment. */
  constructor(nodes: () => readonly HttpNode[], options: LoadOptions = {}) {
    this.#nodes = nodes;
    this.#options = {
      concurrency: options.concurrency ?? 4,
      paceMs: options.paceMs ?? 10,
      patienceMs: options.patienceMs ?? 3_000,
    };
  }

  /** How many mutations were answered, in how many tries, and how long the slowest took with all its tries. */
  get counts() {
    return { answered: this.#answered, tries: this.#tries, slowestMs: this.#slowestMs };
  }

  /** Sends mutations until `signal` aborts; resolves when the last of them is answered. */
  async run(signal: AbortSignal): Promise<void> {
    const { concurrency, paceMs } = this.#options;
    const send = async () => {
      while (!signal.aborted) {
        await this.send();
        await new Promise((resolve) => setTimeout(resolve, paceMs));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, send));
    this.#agent.destroy();
  }

  /**
   * Sends one mutation, again and again until it is answered, each time through the next of `nodes` (default:
   * those of the load). Resolves to the version at which its result holds.
   */
  async send(nodes = this.#nodes): Promise<string> {
    const number = this.#keys++;
    const startedAtMs = performance.now();
    // Every other one flips states that are seen; only those of one state are counted.
    const isCounted = number % 2 === 0;
    const body = isCounted
      ? { type: "add", states: [COUNTED_STATE] }
      : { type: "toggle", states: [`Flight${1 + ((number >> 1) % 10)}Delayed`] };
    for (let i = 0; ; i++) {
      const present = nodes();
      const node = present[(number + i) % present.length]!;
      const answer = await this.#try(node, `${this.#prefix}-${number}`, body);
      if (answer === undefined) {
        // Its node may be gone by the next try: there is no hurry.
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      this.#answered++;
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAtMs);
      if (isCounted && answer.result === "executed") this.#executed.push(answer.version);
      if (isCounted && answer.result !== "executed")
        this.#problems.push(`mutation ${number} was ${answer.result}`);
      return answer.version;
    }
  }

  /**
   * All that must not have been, as readable lines, once the record has all that the root had: in a life
   * of the root that goes on, the counted effects are as many as were answered; in one that is over, no fewer.
   */
  problems(record: RootRecord): string[] {
    const executed = Map.groupBy(this.#executed.map(splitVersion), ({ epoch }) => epoch);
    const wrong = [...executed].flatMap(([epoch, answers]) => {
      const lastSeq = record.lastSeq(epoch) ?? 0;
      // A root that ends goes on a little after its event streams.
      const seen = answers.filter(({ seq }) => seq <= lastSeq).length;
      const tick = record.lastTick(epoch, COUNTED_STATE) ?? 0;
      const effects = tick === 0 ? 0 : (tick + 1) / 2;
      const isOver = epoch !== record.lives.at(-1);
      const isRight = isOver ? effects >= seen : effects === answers.length;
      return isRight
        ? []
        : [`in epoch ${epoch}, ${answers.length} were answered and ${effects} had their effect`];
    });
    return [...this.#problems, ...wrong];
  }

  async #try(
    node: HttpNode,
    key: string,
    body: unknown,
  ): Promise<{ result: string; version: string } | undefined> {
    this.#tries++;
    let answer: HttpAnswer;
    try {
      answer = await httpRequest(`${node.url}/mutations`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify(body),
        agent: this.#agent,
        signal: AbortSignal.timeout(this.#options.patienceMs),
      });
    } catch {
      return undefined;
    }
    if (answer.status === 200) return answer.json();
    // While parts of the tree are away these are honest; nothing else is.
    if (answer.status !== 503 && answer.status !== 504)
      this.#problems.push(`${node.name} answered ${key} with ${answer.status}: ${answer.body}`);
    return undefined;
  }
}
