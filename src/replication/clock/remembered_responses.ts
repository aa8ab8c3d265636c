/** The source's memory of mutations with an idempotency key, so that none runs twice. */

import { ReplicationError } from "./errors.ts";
import { hashBytes } from "./hash.ts";
import type { MutationRequest, MutationResponse } from "./mutation.ts";

/** Hash of the request, and its response. */
type Remembered = readonly [request: string, response: MutationResponse];

const ENCODER = new TextEncoder();

export class RememberedResponses {
  readonly #maxKeys: number;
  /** {@linkcode Remembered} as JSON, which takes half the memory; repeats are rare. */
  readonly #byKey = new Map<string, string>();
  /** Mutations that have not run yet, with the hash of their request. */
  readonly #pending = new Map<string, readonly [string, Promise<MutationResponse>]>();

  /** Beyond `maxKeys` the oldest key is forgotten. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /**
   * The response to the first request with this key; undefined for a new key, or without one. Throws
   * {@linkcode ReplicationError} (`invalid_argument`) if the key belongs to another request: the first
   * response would hide that this one did not run.
   */
  find(request: MutationRequest): MutationResponse | Promise<MutationResponse> | undefined {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return undefined;
    const known = this.#byKey.get(idempotencyKey);
    const found =
      known === undefined ? this.#pending.get(idempotencyKey) : (JSON.parse(known) as Remembered);
    if (found === undefined) return undefined;
    const [knownRequest, response] = found;
    if (knownRequest !== hashRequest(request)) {
      throw new ReplicationError(
        "invalid_argument",
        `Cannot run the mutation: its idempotency key ${JSON.stringify(idempotencyKey)} was used for another one`,
      );
    }
    return response;
  }

  /** Does nothing for a request without a key. */
  remember(request: MutationRequest, response: MutationResponse | Promise<MutationResponse>): void {
    const { idempotencyKey } = request;
    if (idempotencyKey === undefined) return;
    if (response instanceof Promise) {
      this.#pending.set(idempotencyKey, [hashRequest(request), response]);
      void response.then((settled) => {
        this.#pending.delete(idempotencyKey);
        this.remember(request, settled);
      });
      return;
    }
    const remembered: Remembered = [hashRequest(request), response];
    this.#byKey.set(flatten(idempotencyKey), JSON.stringify(remembered));
    if (this.#byKey.size > this.#maxKeys) this.#byKey.delete(this.#byKey.keys().next().value!);
  }
}

/** The same text as one flat string. A decoder concatenates it, and its parts would take four times the memory. */
function flatten(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

/** Covers type, states and args: a repeat may belong to another trace. */
function hashRequest({ type, states, argsJson }: MutationRequest): string {
  return hashBytes(ENCODER.encode(JSON.stringify([type, states, argsJson])));
}
