/** Waits for the queue: until a queued mutation has run, and until the queue is drained. */

export class QueueWaits {
  #waits: { readonly tick: number; readonly resolve: () => void }[] = [];
  #end: PromiseWithResolvers<void> | undefined = undefined;

  /** Number of open waits for mutations. */
  get count(): number {
    return this.#waits.length;
  }

  /** Resolves when the mutation with this queue tick has run. */
  forTick(tick: number): Promise<void> {
    return new Promise((resolve) => this.#waits.push({ tick, resolve }));
  }

  /** Resolves when the queue is drained. */
  forEnd(): Promise<void> {
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  /** Resolves the waits for mutations up to this tick. */
  process(tick: number): void {
    if (this.#waits.length === 0) return;
    const due = this.#waits.filter((wait) => wait.tick <= tick);
    if (due.length === 0) return;
    this.#waits = this.#waits.filter((wait) => wait.tick > tick);
    for (const { resolve } of due) resolve();
  }

  /** Resolves the waits for a drained queue. */
  end(): void {
    this.#end?.resolve();
    this.#end = undefined;
  }

  /** Resolves the waits for mutations that will never run. */
  close(): void {
    this.process(Number.POSITIVE_INFINITY);
  }
}
