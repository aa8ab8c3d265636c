import { describe, expect, it } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { variableOf } from "../tree/config.ts";
import { SETTINGS } from "../tree/mod.ts";
import { optionOf, parseOptions, type StartNodeOptions } from "./options.ts";

const machine = createMachine({ Open: {} }, { id: "door" });

describe("parseOptions()", () => {
  it("fills in the defaults of the command", () => {
    expect(parseOptions({ machine })).toEqual({
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

  it("takes every setting of the command as an option", () => {
    const leaf = parseOptions({
      name: "leaf",
      role: "relay",
      addr: "127.0.0.1:1",
      parentAddr: ["a:1", { host: "::1", port: 2 }],
      states: "Flight2*,Exception",
      httpAddr: { host: "0.0.0.0", port: 0 },
      pushIntervalMs: 1,
      heartbeatIntervalMs: 20,
      staleAfterMs: 3,
      drainMs: 4,
      logLevel: "debug",
      corsOrigins: ["https://a.example", "https://b.example"],
    });
    expect(leaf).toEqual({
      name: "leaf",
      role: "relay",
      addr: { host: "127.0.0.1", port: 1 },
      parentAddrs: ["a:1", "[::1]:2"],
      selection: { names: ["Exception"], prefixes: ["Flight2"] },
      httpAddr: { host: "0.0.0.0", port: 0 },
      pushIntervalMs: 1,
      heartbeatIntervalMs: 20,
      staleAfterMs: 3,
      drainMs: 4,
      logLevel: "debug",
      corsOrigins: ["https://a.example", "https://b.example"],
    });
    for (const { flag } of SETTINGS) {
      const message = `Cannot use option ${optionOf(flag)}: `;
      expect(() => parseOptions({ machine, [optionOf(flag)]: false }), variableOf(flag)).toThrow(
        message,
      );
    }
  });

  it.each<[options: unknown, message: string]>([
    [
      undefined,
      "Cannot start a node: its options are undefined, not an object such as { machine }",
    ],
    [
      {},
      "Cannot start a node without machine or parentAddr: a root has a machine, a relay or leaf has a parentAddr",
    ],
    [
      { parentAddr: [" ", ","], name: "leaf" },
      "Cannot start a node without machine or parentAddr: a root has a machine, a relay or leaf has a parentAddr",
    ],
    [
      { machine, parentAddr: "a:1" },
      "Cannot start a node with both machine and parentAddr: a root has a machine, a relay or leaf has a parentAddr",
    ],
    [
      { machine, parentAdr: "a:1" },
      `Cannot use option "parentAdr": it does not exist; the nearest is parentAddr`,
    ],
    [
      { machine, toString: 1 },
      `Cannot use option "toString": it does not exist; the nearest is states`,
    ],
    [
      { machine: { Open: {} } },
      "Cannot use option machine: an object is not a machine, such as createMachine() returns",
    ],
    [
      { machine: () => machine },
      "Cannot use option machine: a function is not a machine, such as createMachine() returns",
    ],
    [{ machine, pushIntervalMs: "50" }, `Cannot use option pushIntervalMs: "50" is not a number`],
    [
      { machine, drainMs: -1 },
      `Cannot use option drainMs: "-1" is not a whole number from 0 to 60000`,
    ],
    [
      { machine, staleAfterMs: Number.NaN },
      `Cannot use option staleAfterMs: "NaN" is not a whole number from 1 to 86400000`,
    ],
    [
      { machine, addr: 19_700 },
      `Cannot use option addr: 19700 is not an address: give "host:port", or the addr of a node`,
    ],
    [
      { machine, httpAddr: null },
      `Cannot use option httpAddr: null is not an address: give "host:port", or the addr of a node`,
    ],
    [
      { machine, addr: "nowhere" },
      `Cannot use option addr: "nowhere" is not host:port, such as 127.0.0.1:19700 or [::1]:19700`,
    ],
    [{ name: "leaf", parentAddr: "a:0" }, `Cannot use option parentAddr: "a:0" has port 0`],
    [
      { name: "leaf", parentAddr: [{ addr: "a:1" }] },
      `Cannot use option parentAddr: an object is not an address: give "host:port", or the addr of a node`,
    ],
    [{ parentAddr: "a:1" }, "Cannot start without a name: name is missing, such as rep-1-1"],
    [
      { machine, role: "leaf" },
      "Cannot be a leaf: parentAddr is missing, the address of the node upstream",
    ],
    [
      { parentAddr: "a:1", role: "root", name: "a" },
      "Cannot be the root: parentAddr is set, and a root has no parent",
    ],
    [
      { machine, role: "branch" },
      `Cannot use option role: "branch" is not one of root, relay, leaf`,
    ],
    [
      { machine, states: "Open" },
      "Cannot select states on the root: states is for relays and leaves",
    ],
    [
      { machine, name: "a b" },
      `Cannot use option name: "a b" is not a name of letters, digits, ".", "_" and "-", 63 at most`,
    ],
    [
      { machine, logLevel: "loud" },
      `Cannot use option logLevel: "loud" is not one of error, warn, info, debug, trace`,
    ],
    [{ machine, log: console }, "Cannot use option log: an object is not a function"],
    [
      { machine, telemetry: {} },
      "Cannot use option telemetry: an object is not true, false or a telemetry backend",
    ],
    [
      { machine, stateNames: ["Open", 1] },
      "Cannot use option stateNames: an array is not an array of strings",
    ],
    [{ machine, corsOrigins: [1] }, "Cannot use option corsOrigins: 1 is not a string"],
  ])("refuses %j", (options, message) => {
    expect(() => parseOptions(options as StartNodeOptions)).toThrow(new TypeError(message));
  });

  it("names all bad options at once", () => {
    const options = { machine, adr: "a:1", drainMs: "1" } as unknown as StartNodeOptions;
    expect(() => parseOptions(options)).toThrow(
      new TypeError(
        `Cannot use option "adr": it does not exist; the nearest is addr\nCannot use option drainMs: "1" is not a number`,
      ),
    );
  });
});
