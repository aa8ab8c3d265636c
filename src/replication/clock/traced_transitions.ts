/** The trace contexts of the last traced transitions, each with its seq. */

import { MAX_TRACE_CONTEXTS, NO_TRACE_CONTEXTS } from "./trace_context.ts";

export class TracedTransitions {
  #traced: readonly { readonly seq: number; readonly context: Uint8Array }[] = [];

  /** Adds the contexts of the transitions up to `seq`; keeps the last {@linkcode MAX_TRACE_CONTEXTS}. */
  add(seq: number, contexts: readonly Uint8Array[]): void {
    if (contexts.length === 0) return;
    const traced = contexts.map((context) => ({ seq, context }));
    this.#traced = [...this.#traced, ...traced].slice(-MAX_TRACE_CONTEXTS);
  }

  /** The contexts after `seq`, in their order. */
  since(seq: number): readonly Uint8Array[] {
    if ((this.#traced.at(-1)?.seq ?? 0) <= seq) return NO_TRACE_CONTEXTS;
    return this.#traced.filter((traced) => traced.seq > seq).map(({ context }) => context);
  }

  clear(): void {
    this.#traced = [];
  }
}
