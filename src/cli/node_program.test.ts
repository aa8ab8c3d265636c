import { describe, expect, it } from "vitest";
import { parseConfig, settingsHelp } from "../tree/mod.ts";
import { createProgram, PROGRAM_SETTINGS } from "./node_program.ts";

const parse = (env: Record<string, string>, args: string[] = []) =>
  parseConfig(env, args, PROGRAM_SETTINGS);

describe("PROGRAM_SETTINGS", () => {
  it("is configured with the flights and their feed without a setting", () => {
    expect(parse({})).toMatchObject({
      role: "root",
      machineFile: undefined,
      feed: "replay",
      feedSpeed: undefined,
      mutationIntervalMs: 1_000,
    });
  });

  it("is part of the table of flags and variables", () => {
    expect(parse({ TST_FEED: "random" }, ["--feed-speed", "2"])).toMatchObject({
      feed: "random",
      feedSpeed: 2,
    });
    expect(settingsHelp(PROGRAM_SETTINGS.settings)).toMatch(
      /--machine FILE\n +TST_MACHINE: root only/,
    );
    expect(() => parse({}, ["--speed", "1"])).toThrow(/the flags are --role .* --machine --feed/);
  });

  it("reports its problems along with those of the node", () => {
    expect(() => parse({ TST_FEED_SPEED: "0", TST_ADDR: "a" })).toThrow(
      /^Cannot use TST_ADDR: .*\nCannot use TST_FEED_SPEED: "0" is not a number above 0/,
    );
  });
});

describe("createProgram()", () => {
  it("refuses a machine on a relay or leaf", async () => {
    const leaf = parse({ TST_NAME: "leaf", TST_PARENT_ADDR: "a:1", TST_MACHINE: "door.ts" });
    await expect(createProgram(leaf)).rejects.toThrow(
      /Cannot run a machine on a leaf: TST_MACHINE \(--machine\) is for the root/,
    );
  });
});
