/** Requests as clients and operators send them, so that every panel has data. */

import { setTimeout as sleep } from "node:timers/promises";
import type { RunningTree } from "./running_tree.ts";

const PAUSE_MS = 100;

/** Starts to send requests to leaves, relays and the root; returns a function that ends it. */
export function keepTraffic(tree: RunningTree): () => Promise<void> {
  const stopped = new AbortController();
  const { signal } = stopped;
  const ended = run(tree, signal).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return async () => {
    stopped.abort();
    await ended;
  };
}

async function run(tree: RunningTree, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    for (const { name } of tree.places) {
      await ask(`${tree.url(name)}/states`, { signal });
      await ask(`${tree.url(name)}/states/NoSuchState`, { signal });
    }
    const states = [`Flight${1 + (turn % 10)}${turn % 2 === 0 ? "Delayed" : "OnTime"}`];
    for (const name of ["rep-1-1", "rep-2-3"]) {
      await mutate(tree.url(name), states, signal);
      // Two gates exclude each other: canceled.
      await mutate(tree.url(name), ["Flight1Gate1", "Flight1Gate2"], signal);
    }
    await sleep(PAUSE_MS);
  }
}

async function mutate(url: string, states: readonly string[], signal: AbortSignal): Promise<void> {
  await ask(`${url}/mutations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "add", states }),
    signal,
  });
}

async function ask(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init);
  await response.arrayBuffer();
}
