/** A call as it travels to the root, and its response; and the limits of both. */

import type { MutateOptions } from "./mutation.ts";

/** A request to run a function that the machine at the root serves. */
export interface CallRequest {
  readonly name: string;
  /** A JSON object as text; only the source parses it. Absent without args. */
  readonly argsJson?: string;
  /** W3C trace context: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
  readonly traceContext?: Uint8Array;
}

export interface CallResponse {
  /** JSON as text; absent if the function returned nothing. */
  readonly resultJson?: string;
  /** `<epoch>-<seq>`: the version of the clock when the function had returned. */
  readonly version: string;
}

/** Runs a call at the source, or forwards it upstream. Rejects with `ReplicationError`. */
export type Call = (request: CallRequest, options: MutateOptions) => Promise<CallResponse>;

/** Longest result of a call as JSON, in UTF-16 units. */
export const MAX_RESULT_LENGTH = 262_144;

/** Names of the calls that every source serves. */
export const CAN_ADD_CALL = "machine.canAdd";
export const CAN_REMOVE_CALL = "machine.canRemove";
