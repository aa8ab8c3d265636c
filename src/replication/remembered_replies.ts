/** What the source remembers of mutations with an idempotency key, so that none runs twice. */

import { ReplicationError } from "./errors.ts";
import { hashBytes } from "./hash.ts";
import {
  encodeMutateRequest,
  type MutationReply,
  type MutationRequest,
} from "./mutation_messages.ts";

interface Remembered {
  /** Hash of what was asked for. */
  readonly request: string;
  readonly reply: MutationReply;
}

export class RememberedReplies {
  readonly #maxKeys: number;
  readonly #byKey = new Map<string, Remembered>();

  /** Past `maxKeys` the oldest key is forgotten. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /**
   * What came of a request the first time; undefined if it has no key, or that is new. Throws
   * {@linkcode ReplicationError} (`invalid_argument`) if the key was used for another request: to answer
   * with what came of that one would pass over this one unseen.
   */
  find(request: MutationRequest): MutationReply | undefined {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return undefined;
    const known = this.#byKey.get(idempotencyKey);
    if (known !== undefined && known.request !== hashRequest(request)) {
      throw new ReplicationError(
        "invalid_argument",
        `Cannot run the mutation: its idempotency key ${JSON.stringify(idempotencyKey)} was used for another one`,
      );
    }
    return known?.reply;
  }

  /** Does nothing for a request without a key. */
  remember(request: MutationRequest, reply: MutationReply): void {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return;
    this.#byKey.set(idempotencyKey, { request: hashRequest(request), reply });
    if (this.#byKey.size > this.#maxKeys) this.#byKey.delete(this.#byKey.keys().next().value!);
  }
}

/** Of type, states and args: a repeat may belong to another trace. */
function hashRequest({ type, states, args }: MutationRequest): string {
  return hashBytes(encodeMutateRequest({ type, states, ...(args && { args }) }));
}
