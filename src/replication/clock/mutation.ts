/** A mutation as it travels to the root, and its response. */

export const MUTATION_TYPES = ["add", "remove", "set", "toggle"] as const;

/** A request to change states at the root. */
export interface MutationRequest {
  readonly type: (typeof MUTATION_TYPES)[number];
  readonly states: readonly string[];
  /** Values for the root's handlers: a JSON object as text. Only the source parses it; see `encodeArgs`. */
  readonly argsJson?: string;
  /** The root runs a key once, and repeats its first response for later requests with the same key. */
  readonly idempotencyKey?: string;
  /** W3C trace context: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
  readonly traceContext?: Uint8Array;
}

export interface MutationResponse {
  readonly result: "executed" | "canceled";
  /** `<epoch>-<seq>`: the version at which the result holds. */
  readonly version: string;
  /** Why the mutation was canceled. */
  readonly rejected?: { readonly state?: string; readonly by: string };
}

export interface MutateOptions {
  readonly signal: AbortSignal;
  /** How long the caller waits, in milliseconds. */
  readonly timeoutMs: number;
}

/** Runs a mutation at the source, or forwards it upstream. Rejects with `ReplicationError`. */
export type Mutate = (
  request: MutationRequest,
  options: MutateOptions,
) => Promise<MutationResponse>;
