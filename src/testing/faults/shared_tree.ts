/** Set-up for suites whose tests share one tree. */

import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { WatchedTree } from "./watched_tree.ts";

export interface SharedTreeOptions {
  /** Variables of all nodes. */
  readonly variables: Readonly<Record<string, string>>;
  /** Starts the nodes and the watches. */
  readonly start: (tree: WatchedTree) => Promise<void>;
  /** Nodes that receive mutations during every test; none by default. */
  readonly loadThrough?: readonly string[];
}

/**
 * A tree for all tests of a file. Each test begins with all nodes running on links without faults; after it, the
 * tree must have healed, and no watch may have found a problem.
 */
export function shareTree({ variables, start, loadThrough }: SharedTreeOptions): WatchedTree {
  const tree = new WatchedTree(variables);
  let stopLoad = async () => {};
  beforeAll(() => start(tree));
  beforeEach(() => {
    if (loadThrough === undefined) return;
    tree.loadThrough(loadThrough);
    const resting = new AbortController();
    const loading = tree.load.run(resting.signal);
    stopLoad = () => {
      resting.abort();
      return loading;
    };
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") console.log(tree.logs());
    await tree.restore();
    await stopLoad();
    expect(await tree.problems()).toEqual([]);
  });
  afterAll(async () => {
    console.log(tree.summary());
    await tree.close();
  });
  return tree;
}
