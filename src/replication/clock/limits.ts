/** Limits on what a peer may send, as far as they are not options. SPEC.md, "Limits", lists all of them. */

/** Longest name of a node, a state or a machine, and longest idempotency key, in UTF-16 units. */
export const MAX_NAME_LENGTH = 255;

/** Most nodes between the root and a replica. */
export const MAX_PATH_LENGTH = 255;

/** How deep the args of a mutation may nest: encoding thousands of levels as JSON overflows the stack. */
export const MAX_ARGS_DEPTH = 64;

/** Longest heartbeat interval, in milliseconds: one day. */
export const MAX_HEARTBEAT_INTERVAL_MS = 86_400_000;

/** Half of the range of `Date`: a wall time and its delta together stay within it, in milliseconds. */
export const MAX_WALL_TIME_MS = 4_320_000_000_000_000;

/** What is wrong with a node's name, as the end of a sentence; undefined if nothing is. */
export function faultOfNodeName(name: string): string | undefined {
  if (name === "" || name.length > MAX_NAME_LENGTH)
    return `has ${name.length} characters, not 1 to ${MAX_NAME_LENGTH}`;
  return /\p{Cc}/u.test(name) ? "has control characters" : undefined;
}
