/** What the source remembers of mutations with an idempotency key, so that none runs twice. */

import {
  encodeMutateRequest,
  type MutationRequest,
  type MutationResponse,
} from "../wire/mutation_messages.ts";
import { ReplicationError } from "./errors.ts";
import { hashBytes } from "./hash.ts";

/** Hash of what was asked for, and what came of it. */
type Remembered = readonly [request: string, reply: MutationResponse];

export class RememberedResponses {
  readonly #maxKeys: number;
  /** {@linkcode Remembered} as JSON, as it takes half the memory, and repeats are rare. */
  readonly #byKey = new Map<string, string>();

  /** Past `maxKeys` the oldest key is forgotten. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /**
   * What came of a request the first time; undefined if it has no key, or that is new. Throws
   * {@linkcode ReplicationError} (`invalid_argument`) if the key was used for another request: to answer
   * with what came of that one would pass over this one unseen.
   */
  find(request: MutationRequest): MutationResponse | undefined {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return undefined;
    const known = this.#byKey.get(idempotencyKey);
    if (known === undefined) return undefined;
    const [knownRequest, reply] = JSON.parse(known) as Remembered;
    if (knownRequest !== hashRequest(request)) {
      throw new ReplicationError(
        "invalid_argument",
        `Cannot run the mutation: its idempotency key ${JSON.stringify(idempotencyKey)} was used for another one`,
      );
    }
    return reply;
  }

  /** Does nothing for a request without a key. */
  remember(request: MutationRequest, reply: MutationResponse): void {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return;
    const remembered: Remembered = [hashRequest(request), reply];
    this.#byKey.set(inOnePiece(idempotencyKey), JSON.stringify(remembered));
    if (this.#byKey.size > this.#maxKeys) this.#byKey.delete(this.#byKey.keys().next().value!);
  }
}

/** The same text. A decoder makes it of pieces, and they would be kept: four times the memory. */
function inOnePiece(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** Of type, states and args: a repeat may belong to another trace. */
function hashRequest({ type, states, args }: MutationRequest): string {
  return hashBytes(encodeMutateRequest({ type, states, ...(args && { args }) }));
}
