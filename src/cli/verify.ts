/**
 * `npm run verify`: checks that a running tree converges. In each round, every leaf must show the root's
 * version within the limit, and nodes that show the same version must show the same states; a node that
 * follows a selection, the root's states in that selection.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { commandArguments, environment, exit, writeErrorLine, writeLine } from "../runtime/node.ts";
import { defaultTree } from "../tree/mod.ts";
import { EXIT_FAILED, EXIT_UNUSABLE } from "./exit_codes.ts";

const LIMIT_MS = 2_000;
const POLL_MS = 20;
/** Pause between two rounds, in which the feed changes states. */
const PAUSE_MS = 200;

interface StatesResponse {
  readonly node: string;
  readonly version: string;
  readonly time: number;
  readonly states: readonly string[];
  /** The selection that the node follows, as its HTTP API shows it; null for all states. */
  readonly selection: string | null;
}

/** The first response of any node at each version and selection; later ones must be equal to it. */
const seen = new Map<string, StatesResponse>();

async function readStates(url: string): Promise<StatesResponse> {
  const response = await fetch(`${url}/states`);
  if (!response.ok)
    throw new Error(`GET ${url}/states responded ${response.status}: ${await response.text()}`);
  const selection = response.headers.get("machine-selection");
  const shown = { ...((await response.json()) as Omit<StatesResponse, "selection">), selection };
  const key = `${shown.version} ${selection ?? ""}`;
  const known = seen.get(key);
  if (known === undefined) {
    seen.set(key, shown);
  } else if (
    JSON.stringify([known.time, known.states]) !== JSON.stringify([shown.time, shown.states])
  ) {
    throw new Error(
      `${known.node} and ${shown.node} differ at version ${shown.version}:\n  ${known.time} ${known.states.join(" ")}\n  ${shown.time} ${shown.states.join(" ")}`,
    );
  }
  return shown;
}

/** Throws if a leaf with a selection differs from the root's states in it at the same version. */
function compareSelected(root: StatesResponse, leaf: StatesResponse): void {
  if (leaf.selection === null || leaf.selection.endsWith("...")) return;
  const items = leaf.selection.split(",").map(decodeURIComponent);
  const shown = root.states.filter((state) =>
    items.some((item) =>
      item.endsWith("*") ? state.startsWith(item.slice(0, -1)) : state === item,
    ),
  );
  if (JSON.stringify(shown) !== JSON.stringify(leaf.states)) {
    throw new Error(
      `${leaf.node} differs from the root's ${leaf.selection} at version ${leaf.version}:\n  ${shown.join(" ")}\n  ${leaf.states.join(" ")}`,
    );
  }
}

/** Milliseconds until the leaf showed the version that the root shows. */
async function catchUp(rootUrl: string, leafUrl: string): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const [root, leaf] = await Promise.all([readStates(rootUrl), readStates(leafUrl)]);
    const tookMs = performance.now() - startedAt;
    if (root.version === leaf.version) {
      compareSelected(root, leaf);
      return tookMs;
    }
    if (tookMs > LIMIT_MS) {
      throw new Error(
        `${leaf.node} shows ${leaf.version} after ${LIMIT_MS} ms, the root ${root.version}`,
      );
    }
    await sleep(POLL_MS);
  }
}

const [text = "100"] = commandArguments();
const rounds = Number(text);
if (!Number.isInteger(rounds) || rounds < 1) {
  writeErrorLine(
    `Cannot check ${text} rounds: give a whole number from 1, as in npm run verify -- 100`,
  );
  exit(EXIT_UNUSABLE);
}
const places = defaultTree(Number(environment().TST_PORT_OFFSET ?? 0));
const urlOf = (httpPort: number) => `http://127.0.0.1:${httpPort}`;
const rootUrl = urlOf(places[0]!.httpPort);
const leaves = places.filter(({ role }) => role === "leaf");

try {
  let slowestMs = 0;
  for (let round = 1; round <= rounds; round++) {
    const tookMs = await Promise.all(
      leaves.map(({ httpPort }) => catchUp(rootUrl, urlOf(httpPort))),
    );
    slowestMs = Math.max(slowestMs, ...tookMs);
    await sleep(PAUSE_MS);
  }
  writeLine(
    `${rounds} rounds, ${leaves.length} leaves, ${new Set([...seen.values()].map(({ version }) => version)).size} versions: all leaves showed the root's version within ${slowestMs.toFixed(0)} ms at most, with equal states`,
  );
} catch (error) {
  writeErrorLine(`Not verified: ${error instanceof Error ? error.message : error}`);
  exit(EXIT_FAILED);
}
