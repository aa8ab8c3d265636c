import { describe, expect, it } from "vitest";
import {
  ConfigError,
  integer,
  parseConfig,
  type ReadSetting,
  SETTINGS,
  settingsHelp,
  variableOf,
} from "./config.ts";

describe("parseConfig()", () => {
  it("configures the root from an empty environment", () => {
    expect(parseConfig({})).toEqual({
      role: "root",
      name: "root",
      addr: { host: "127.0.0.1", port: 19_700 },
      parentAddrs: [],
      selection: undefined,
      httpAddr: { host: "127.0.0.1", port: 18_700 },
      pushIntervalMs: 0,
      heartbeatIntervalMs: 500,
      staleAfterMs: 5_000,
      drainMs: 3_000,
      logLevel: "info",
      corsOrigins: [],
    });
  });

  it("configures a leaf from a parent address, with its own push interval", () => {
    const config = parseConfig({
      TST_NAME: "rep-1-1",
      TST_PARENT_ADDR: "127.0.0.1:19701, [::1]:19702",
    });
    expect(config.role).toBe("leaf");
    expect(config.parentAddrs).toEqual(["127.0.0.1:19701", "[::1]:19702"]);
    expect(config.pushIntervalMs).toBe(50);
  });

  it("reads the states to follow: names, and prefixes with a star", () => {
    const env = { TST_NAME: "a", TST_PARENT_ADDR: "b:1", TST_STATES: "Flight2*, Exception" };
    expect(parseConfig(env).selection).toEqual({ names: ["Exception"], prefixes: ["Flight2"] });
    expect(parseConfig(env, ["--states", "Start"]).selection?.names).toEqual(["Start"]);
  });

  it("prefers a flag to its variable, in both spellings", () => {
    const env = { TST_NAME: "a", TST_LOG_LEVEL: "warn" };
    expect(parseConfig(env, ["--name", "b", "--log-level=debug"])).toMatchObject({
      name: "b",
      logLevel: "debug",
    });
  });

  it("names all bad settings at once", () => {
    const env = { TST_ADDR: "nowhere", TST_STALE_AFTER_MS: "-1", TST_LOG_LEVEL: "loud" };
    const args = ["--parent-addr", "a:99999", "--role", "branch"];
    expect(() => parseConfig(env, args)).toThrow(ConfigError);
    try {
      parseConfig(env, args);
    } catch (error) {
      expect((error as ConfigError).problems).toEqual([
        `Cannot use --parent-addr: "a:99999" has port 99999, above 65535`,
        `Cannot use --role: "branch" is not one of root, relay, leaf`,
        `Cannot use TST_ADDR: "nowhere" is not host:port, such as 127.0.0.1:19700 or [::1]:19700`,
        `Cannot use TST_STALE_AFTER_MS: "-1" is not a whole number from 1 to 86400000`,
        `Cannot use TST_LOG_LEVEL: "loud" is not one of error, warn, info, debug, trace`,
      ]);
    }
  });

  it.each([
    [{}, ["--role", "relay"], /Cannot be a relay: TST_PARENT_ADDR/],
    [{ TST_PARENT_ADDR: "a:1" }, ["--role", "root"], /Cannot be the root: TST_PARENT_ADDR/],
    [{ TST_PARENT_ADDR: "a:1" }, [], /Cannot start without a name/],
    [{ TST_STATES: "A*" }, [], /Cannot select states on the root: TST_STATES \(--states\)/],
    [
      { TST_PARENT_ADDR: "a:1", TST_NAME: "a", TST_STATES: "A*B" },
      [],
      /Cannot use TST_STATES: Cannot select "A\*B": a star is allowed only at the end of a prefix/,
    ],
    [{ TST_PARENT_ADDR: "a:0", TST_NAME: "a" }, [], /"a:0" has port 0/],
    [{}, ["--speed", "1"], /Cannot use argument "--speed": the flags are --role/],
    [{}, ["--name"], /Cannot use --name: its value is missing/],
    [{ TST_NAME: "a b" }, [], /Cannot use TST_NAME: "a b"/],
    [{}, ["--feed", "none"], /Cannot use argument "--feed"/],
  ])("refuses %j %j", (env, args, message) => {
    expect(() => parseConfig(env as Record<string, string>, args)).toThrow(message);
  });

  it("reads the settings of a program as well, and names all bad ones", () => {
    const program = {
      settings: [{ flag: "door-count", value: "N", help: "doors" }],
      parse: (read: ReadSetting) => ({ doorCount: read("door-count", 1, integer(1, 9)) }),
    };
    expect(parseConfig({ TST_DOOR_COUNT: "2" }, [], program).doorCount).toBe(2);
    expect(parseConfig({}, ["--door-count=3"], program)).toMatchObject({
      doorCount: 3,
      name: "root",
    });
    expect(() => parseConfig({ TST_ADDR: "a" }, ["--door-count", "0"], program)).toThrow(
      /Cannot use TST_ADDR: .*\nCannot use --door-count: "0"/,
    );
    expect(settingsHelp(program.settings)).toMatch(/--door-count N\n {6}TST_DOOR_COUNT: doors$/);
  });

  it("reads each setting from a variable of the same name", () => {
    expect(SETTINGS.map(({ flag }) => variableOf(flag))).toContain("TST_HEARTBEAT_INTERVAL_MS");
  });
});
