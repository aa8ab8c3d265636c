/** Waits for the queue: for a queued mutation to have run, and for the queue to be drained. */

export class QueueWaits {
  #waits: { readonly tick: number; readonly resolve: () => void }[] = [];
  #end: PromiseWithResolvers<void> | undefined = undefined;

  /** Number of open waits for mutations. */
  get count(): number {
    return this.#waits.length;
  }

  /** Resolves when the queue has got to `tick`, and the mutation with it has run. */
  forTick(tick: number): Promise<void> {
    return new Promise((resolve) => this.#waits.push({ tick, resolve }));
  }

  /** Resolves when the queue is drained. */
  forEnd(): Promise<void> {
    this.#end ??= Promise.withResolvers();
    return this.#end.promise;
  }

  /** The mutation with this tick has run. */
  process(tick: number): void {
    if (this.#waits.length === 0) return;
    const due = this.#waits.filter((wait) => wait.tick <= tick);
    if (due.length === 0) return;
    this.#waits = this.#waits.filter((wait) => wait.tick > tick);
    for (const { resolve } of due) resolve();
  }

  /** The queue is drained. */
  end(): void {
    this.#end?.resolve();
    this.#end = undefined;
  }

  /** Resolves the waits for mutations, which will never run. */
  close(): void {
    this.process(Number.POSITIVE_INFINITY);
  }
}
