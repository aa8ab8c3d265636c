/**
 * `npm run verify`: holds a running tree against its promise. In each round every leaf must show the
 * root's version within the limit, and nodes that show the same version must show the same states:
 * a node that follows a selection, the root's states of that.
 */

import { commandArguments, environment, exit, writeErrorLine, writeLine } from "../runtime/node.ts";
import { defaultTree } from "../tree/mod.ts";
import { EXIT_FAILED, EXIT_UNUSABLE } from "./exit_codes.ts";

const LIMIT_MS = 2_000;
const POLL_MS = 20;
/** Between two rounds, so that the feed moves meanwhile. */
const PAUSE_MS = 200;

interface Answer {
  readonly node: string;
  readonly version: string;
  readonly time: number;
  readonly states: readonly string[];
  /** Of a node that follows a selection, what it says of that (see the HTTP API); else null. */
  readonly selection: string | null;
}

/** What all nodes showed at each version and selection seen so far; the first node to show one is the measure. */
const seen = new Map<string, Answer>();

async function readStates(url: string): Promise<Answer> {
  const response = await fetch(`${url}/states`);
  if (!response.ok)
    throw new Error(`GET ${url}/states answered ${response.status}: ${await response.text()}`);
  const selection = response.headers.get("machine-selection");
  const answer = { ...((await response.json()) as Omit<Answer, "selection">), selection };
  const key = `${answer.version} ${selection ?? ""}`;
  const known = seen.get(key);
  if (known === undefined) {
    seen.set(key, answer);
  } else if (
    JSON.stringify([known.time, known.states]) !== JSON.stringify([answer.time, answer.states])
  ) {
    throw new Error(
      `${known.node} and ${answer.node} differ at version ${answer.version}:\n  ${known.time} ${known.states.join(" ")}\n  ${answer.time} ${answer.states.join(" ")}`,
    );
  }
  return answer;
}

/** Throws if a leaf with a selection does not show what the root shows of it at the same version. */
function compareSelected(root: Answer, leaf: Answer): void {
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
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
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
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  writeLine(
    `${rounds} rounds, ${leaves.length} leaves, ${new Set([...seen.values()].map(({ version }) => version)).size} versions: each leaf showed the root's version within ${slowestMs.toFixed(0)} ms at most, with equal states`,
  );
} catch (error) {
  writeErrorLine(`Not verified: ${error instanceof Error ? error.message : error}`);
  exit(EXIT_FAILED);
}
