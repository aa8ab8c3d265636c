import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const SCRIPT = fileURLToPath(new URL("print_shop.ts", import.meta.url));

/** Runs one process of the shop. Its lines come as they are printed. */
function run(...args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [SCRIPT, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    next: async () => (await lines.next()).value as string,
    rest: async () => {
      const rest: string[] = [];
      for await (const line of { [Symbol.asyncIterator]: () => lines }) rest.push(line);
      return rest;
    },
  };
}

describe("print_shop.ts", () => {
  it("prints the jobs of two screens in other processes, one after another", {
    timeout: 20_000,
  }, async () => {
    const root = await run("root").next();
    expect(root).toMatch(/^127\.0\.0\.1:\d+$/);
    const relay = await run("relay", root).next();
    const screens = [run("screen", relay, "menu", "300"), run("screen", relay, "poster", "300")];
    const printed = await Promise.all(screens.map((screen) => screen.rest()));
    const positions = printed.flat().filter((line) => line.includes("is number"));
    expect(positions.map((line) => line.at(-1)).sort()).toEqual(["1", "2"]);
    for (const lines of printed) {
      expect(lines).toContain("printing");
      expect(lines.at(-1)).toMatch(/^idle at [0-9a-f]{16}-\d+, \d+ ms old$/);
    }
  });

  it("refuses a job without pages with the reason of the root", { timeout: 20_000 }, async () => {
    const root = await run("root").next();
    expect(await run("screen", root, "blank", "0").rest()).toEqual(['"blank" has no pages']);
  });
});
