/**
 * Command line flags of V8 for every process that is a node of the tree, on Node.js and on Deno.
 * package.json and Dockerfile have to repeat them; a test compares.
 *
 * Left alone, V8 lets the young generation grow with the machine's memory, to 128 MB where there are
 * 24 GB, in a burst of work whose objects outlive a collection or two; it then keeps what it has taken.
 * A node lives on a few MB: held to less, its memory stays flat, and its collections, each of which copies
 * what lives, short.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=8"];
