/** Counts running work, so that a node can wait for its end. */
export class InFlight {
  #count = 0;
  #idle = Promise.withResolvers<void>();

  constructor() {
    this.#idle.resolve();
  }

  /** Runs `work` and counts it until it settles. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count++ === 0) this.#idle = Promise.withResolvers();
    try {
      return await work();
    } finally {
      if (--this.#count === 0) this.#idle.resolve();
    }
  }

  /** Resolves as soon as no work is running. */
  async idle(): Promise<void> {
    while (this.#count > 0) await this.#idle.promise;
  }
}
