import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { NODE_FLAGS } from "./node_flags.ts";

const readRoot = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

/** Repeatedly fills a list with objects that survive for a while; prints the largest size of the young generation, in MiB. */
const BURST = `
  const { getHeapSpaceStatistics } = require("node:v8");
  let most = 0;
  for (let round = 0; round < 5; round++) {
    const kept = [];
    for (let i = 0; i < 60_000; i++) kept.push(new Array(50).fill({ i }));
    for (const { space_name, physical_space_size } of getHeapSpaceStatistics())
      if (space_name === "new_space") most = Math.max(most, physical_space_size);
  }
  console.log(most / 2 ** 20);`;

describe("NODE_FLAGS", () => {
  it("are the flags in package.json and in the image", () => {
    const flags = NODE_FLAGS.join(" ");
    const { scripts } = JSON.parse(readRoot("package.json")) as { scripts: Record<string, string> };
    for (const script of ["start", "node", "example:delayed", "example:board"])
      expect(scripts[script]).toMatch(new RegExp(`^node ${flags} src/`));
    expect(scripts["node:deno"]).toContain(`deno run --v8-flags=${NODE_FLAGS} `);
    const entrypoint = JSON.stringify(["node", ...NODE_FLAGS, "node.mjs"]).replaceAll(",", ", ");
    expect(readRoot("Dockerfile")).toContain(`ENTRYPOINT ${entrypoint}\n`);
  });

  it("hold the young generation to a few MB in a burst", () => {
    const { stdout, stderr } = spawnSync(process.execPath, [...NODE_FLAGS, "-e", BURST], {
      encoding: "utf8",
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    });
    expect(stderr).toBe("");
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(32);
  });
});
