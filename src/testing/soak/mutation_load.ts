/** Mutations that come in at random leaves, each with a key of its own. */

interface Target {
  readonly name: string;
  readonly url: string;
}

/** Longest that an answer to a mutation may take, in milliseconds, for a node that is not held still. */
const PATIENCE_MS = 30_000;

export class MutationLoad {
  readonly #targets: readonly Target[];
  readonly #outcomes = new Map<string, number>();
  readonly #tookMs: number[] = [];
  readonly violations: string[] = [];

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  /** Sends one; its answer is not waited for. */
  send(): void {
    const target = this.#targets[Math.floor(Math.random() * this.#targets.length)]!;
    void this.#run(target);
  }

  describe(): string {
    const times = this.#tookMs.toSorted((a, b) => a - b);
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
    const outcomes = [...this.#outcomes].map(([outcome, count]) => `${count} ${outcome}`);
    return `${outcomes.join(", ")}; answered in ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`;
  }

  async #run({ name, url }: Target): Promise<void> {
    const state = `Flight${1 + Math.floor(Math.random() * 10)}Delayed`;
    const startedAt = performance.now();
    try {
      const response = await fetch(`${url}/mutations`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
        body: JSON.stringify({ type: "toggle", states: [state] }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const body = (await response.json()) as { result?: string; type?: string };
      if (response.ok) this.#tookMs.push(performance.now() - startedAt);
      this.#count(body.result ?? `${response.status}`);
      // While parts of the tree are away, 503 and 504 are honest; nothing else is.
      if (!response.ok && response.status !== 503 && response.status !== 504)
        this.violations.push(`${name} answered a mutation with ${response.status}`);
    } catch {
      this.#count("without answer (the leaf was away)");
    }
  }

  #count(outcome: string): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }
}
