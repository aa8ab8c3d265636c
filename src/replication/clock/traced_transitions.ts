/** The trace contexts of the last traced transitions, by the seq that they came with. */

import { MAX_TRACE_CONTEXTS } from "../wire/messages.ts";

const NO_CONTEXTS: readonly Uint8Array[] = [];

export class TracedTransitions {
  #traced: readonly { readonly seq: number; readonly context: Uint8Array }[] = [];

  /** Adds those of the transitions up to `seq`; the last {@linkcode MAX_TRACE_CONTEXTS} are kept. */
  add(seq: number, contexts: readonly Uint8Array[]): void {
    if (contexts.length === 0) return;
    const traced = contexts.map((context) => ({ seq, context }));
    this.#traced = [...this.#traced, ...traced].slice(-MAX_TRACE_CONTEXTS);
  }

  /** Those that came after `seq`, in their order. */
  since(seq: number): readonly Uint8Array[] {
    if ((this.#traced.at(-1)?.seq ?? 0) <= seq) return NO_CONTEXTS;
    return this.#traced.filter((traced) => traced.seq > seq).map(({ context }) => context);
  }

  clear(): void {
    this.#traced = [];
  }
}
