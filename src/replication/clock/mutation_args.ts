/** The args of a mutation as JSON text: checked where they enter and where they run, opaque on the way. */

import { ReplicationError } from "./errors.ts";
import { MAX_ARGS_DEPTH } from "./limits.ts";

/** Throws {@linkcode ReplicationError} (`invalid_argument`) for args that JSON cannot hold, or that nest too deep. */
export function encodeArgs(args: Readonly<Record<string, unknown>>): string {
  let json: string;
  try {
    json = JSON.stringify(args);
  } catch (cause) {
    // A circle, a BigInt, or thousands of levels.
    throw refusal(`args are not JSON: ${(cause as Error).message.split("\n")[0]}`, cause);
  }
  checkDepth(json, "args nest");
  return json;
}

/** Throws {@linkcode ReplicationError} (`invalid_argument`) for text that is not a JSON object, or nests too deep. */
export function decodeArgs(json: string): Record<string, unknown> {
  let args: unknown;
  try {
    args = JSON.parse(json);
  } catch (cause) {
    throw refusal(`args_json is not JSON: ${(cause as Error).message}`, cause);
  }
  if (typeof args !== "object" || args === null || Array.isArray(args))
    throw refusal("args_json is not a JSON object");
  checkDepth(json, "args_json nests");
  return args as Record<string, unknown>;
}

/** Checks text that is known to be JSON. */
function checkDepth(json: string, what: string): void {
  let depth = 0;
  // Strings match as a whole, so that brackets inside them do not count.
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    if (depth > MAX_ARGS_DEPTH) throw refusal(`${what} more than ${MAX_ARGS_DEPTH} levels deep`);
  }
}

function refusal(fault: string, cause?: unknown): ReplicationError {
  return new ReplicationError("invalid_argument", `Cannot mutate: ${fault}`, { cause });
}
