/** The nine nodes of the default tree as processes, on free ports. */

import { findTakenPort, Supervisor } from "../../cli/supervisor.ts";
import { defaultTree, type TreePlace } from "../../tree/mod.ts";
import { type Cleanup, eventually } from "./process.ts";

/** Below the range of ephemeral ports. */
const FIRST_PORT = 10_000;
const LAST_PORT = 30_000;
const NODE_SCRIPT = new URL("../../cli/node.ts", import.meta.url);

/** A running tree. */
export interface RunningTree {
  readonly places: readonly TreePlace[];
  /** Output of the nodes, prefixed with their names. */
  readonly lines: readonly string[];
  /** Process id of a node. Throws a RangeError if it is not running. */
  pid(name: string): number;
  /** Base URL of a node's HTTP API. */
  url(name: string): string;
}

/** Starts the nodes with these additional variables, and waits until each is ready. */
export async function startTree(
  env: Readonly<Record<string, string>>,
  cleanup: Cleanup,
): Promise<RunningTree> {
  const places = await freePlaces();
  const lines: string[] = [];
  const supervisor = new Supervisor({
    places,
    script: NODE_SCRIPT,
    env: { ...withoutNodeVariables(process.env), ...env },
    write: (line) => lines.push(line),
  });
  cleanup.add(() => supervisor.stop());
  supervisor.start();
  const url = (name: string) =>
    `http://127.0.0.1:${places.find((place) => place.name === name)!.httpPort}`;
  for (const { name } of places) {
    await eventually(async () => {
      const { ok } = await fetch(`${url(name)}/readyz`);
      if (!ok) throw new Error(`Cannot use the tree: ${name} is not ready\n${lines.join("\n")}`);
    }, 60_000);
  }
  return {
    places,
    lines,
    url,
    pid(name) {
      const pid = supervisor.pids.get(name);
      if (pid === undefined)
        throw new RangeError(`Cannot find the process of "${name}": none runs`);
      return pid;
    },
  };
}

async function freePlaces(): Promise<TreePlace[]> {
  const [{ httpPort }] = defaultTree() as [TreePlace];
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const places = defaultTree(first - httpPort);
    if ((await findTakenPort(places)) === undefined) return places;
  }
  throw new Error("Cannot start a tree: no 18 ports are free");
}

/** The variables of this process, without those that configure nodes. */
function withoutNodeVariables(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("TST_") && !name.startsWith("OTEL_")),
  );
}
