import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../tree/mod.ts";
import { loadMachine } from "./load_machine.ts";

const DOOR = fileURLToPath(new URL("testdata/door.ts", import.meta.url));

let folder: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "machines-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** Writes a module; `door` in its text is the machine of `testdata/door.ts`. Returns its path. */
async function write(text: string): Promise<string> {
  const path = join(folder, `machine_${count++}.mjs`);
  const door = `import door from ${JSON.stringify(DOOR)};\n`;
  await writeFile(path, text.includes("door") ? door + text : text);
  return path;
}

describe("loadMachine()", () => {
  it.each([
    ["a machine", "export default door;"],
    ["a function that returns one", "export default () => door;"],
    ["an async function", "export default async () => door;"],
  ])("takes %s", async (_, text) => {
    expect((await loadMachine(await write(text))).id).toBe("door");
  });

  it.each([
    [
      "export const machine = 1;",
      /it has no default export: a machine, or a function that returns one$/,
    ],
    [
      "export default 12;",
      /its default export is 12, neither a machine nor a function that returns one$/,
    ],
    ["export default { Open: {} };", /its default export is an object, neither a machine/],
    ["export default () => {};", /its function returns undefined, not a machine$/],
    ["export default async () => [1];", /its function returns an array, not a machine$/],
    [`export default () => { throw new Error("no key"); };`, /its function failed: no key$/],
    [`export default async () => { throw "no\\nkey"; };`, /its function failed: no$/],
    [`throw new Error("made up\\nat line 1");`, /the module cannot be loaded: made up$/],
    [
      `throw new AggregateError([new Error("a mistake"), new Error("another")], "2 errors");`,
      /the module cannot be loaded: a mistake$/,
    ],
    [`import "./missing.mjs";\nexport default 1;`, /the module cannot be loaded: .*missing\.mjs/],
  ])("refuses %s", async (text, message) => {
    const path = await write(text);
    const error: unknown = await loadMachine(path).catch((error) => error);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems).toEqual([expect.stringMatching(message)]);
    expect((error as ConfigError).message).toContain(`Cannot use the machine of "${path}": `);
    expect((error as ConfigError).message).not.toContain("\n");
  });

  it("refuses a disposed machine", async () => {
    const path = await write(
      "export default async () => { const own = await door; await own.dispose(); return own; };",
    );
    await expect(loadMachine(path)).rejects.toThrow(/machine "door" is disposed$/);
  });

  it("refuses a file that does not exist, and a directory", async () => {
    await expect(loadMachine("no/such/door.ts")).rejects.toThrow(
      `Cannot use the machine of "no/such/door.ts": there is no such file in ${process.cwd()}`,
    );
    await expect(loadMachine(folder)).rejects.toThrow(/it is a directory, not a module$/);
  });
});
