/** Nodes that are configured to follow each other, or themselves. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WatchedTree } from "./watched_tree.ts";

describe("Nodes in a circle", () => {
  let tree: WatchedTree;

  beforeEach(() => {
    tree = new WatchedTree({ TST_HEARTBEAT_INTERVAL_MS: "100" });
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") console.log(tree.logs());
    await tree.close();
  });

  it("refuse each other once their path to the root is gone, log why, and keep serving", async () => {
    await tree.start("root");
    await tree.start("rep-1", { role: "relay", upstreams: ["root", "rep-2"] });
    await tree.start("rep-2", { role: "relay", upstreams: ["rep-1"] });
    await tree.start("leaf", { upstreams: ["rep-2"] });
    await tree.watch(["rep-1", "rep-2", "leaf"]);
    tree.loadThrough(["leaf"]);
    await tree.mutate();

    tree.link("rep-1", "root").refuse();
    tree.link("rep-1", "root").cut("rst");
    const refused = await tree.node("rep-1").untilLogged(/^link lost .*upstream of itself/);
    expect(refused.text).toContain('\\"rep-1\\" is upstream of itself (root → rep-1 → rep-2)');
    // Around a circle, it would never end.
    const mutation = await tree.node("leaf").get("/mutations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "add", states: ["Start"] }),
    });
    expect(mutation.status).toBe(503);

    tree.heal();
    await tree.mutate();
    expect(await tree.problems()).toEqual([]);
  });

  it("that never had a root report it", async () => {
    await Promise.all([
      tree.start("rep-1", { role: "relay", upstreams: ["rep-2"] }),
      tree.start("rep-2", { role: "relay", upstreams: ["rep-1"] }),
    ]);
    for (const name of ["rep-1", "rep-2"]) {
      await tree.node(name).untilLogged(/^link lost .*had no clock for us/);
      expect((await tree.node(name).get("/states")).status).toBe(503);
    }
  });

  it("that follow themselves refuse it", async () => {
    await tree.start("self", { role: "relay", upstreams: ["self"] });
    const lost = await tree.node("self").untilLogged(/^link lost .*code=failed_precondition/);
    expect(lost.text).toContain("no node is upstream of itself");
  });
});
