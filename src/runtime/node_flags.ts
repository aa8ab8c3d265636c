/**
 * Command line flags of V8 for every process that runs a node, on Node.js and on Deno. package.json
 * and Dockerfile repeat them; a test compares.
 *
 * By default, the young generation grows with the machine's memory, to 128 MB on a machine of 24 GB,
 * during a burst of work whose objects survive a collection or two, and never shrinks. A node needs a
 * few MB. With a limit, its memory stays flat, and its collections, which copy live objects, short.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=8"];
