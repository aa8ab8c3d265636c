import { describe, expect, it } from "vitest";
import { createMachine, mergeSchemas } from "../mod.ts";
import {
  BASIC,
  BASIC_STATES,
  CONN_POOL,
  CONN_POOL_STATES,
  CONNECTED,
  CONNECTED_STATES,
  DISPOSED,
  DISPOSED_STATES,
  handleDisposal,
  STATE_SOURCE,
  STATE_SOURCE_STATES,
} from "./base_schemas.ts";
import { collectStates, defineGroups, defineStates } from "./groups.ts";

function createDisposable(errors: Error[] = []) {
  const machine = createMachine(mergeSchemas(BASIC, DISPOSED), {
    id: "disposable",
    onError: (error) => errors.push(error),
  });
  handleDisposal(machine);
  machine.add("Start");
  return machine;
}

describe("collectStates()", () => {
  it("lists names depth first in field order, each once", () => {
    expect(collectStates(BASIC_STATES).names).toEqual([
      "Exception",
      "ErrNetwork",
      "ErrHandlerTimeout",
      "Start",
      "Ready",
      "Healthcheck",
      "Heartbeat",
    ]);
  });

  it("lists Exception last if the base is embedded last", () => {
    expect(collectStates(CONNECTED_STATES).names.at(-1)).toBe("Exception");
    expect(collectStates(CONN_POOL_STATES).names.at(-1)).toBe("Exception");
  });

  it("makes a group of own names and one per embedded definition except the base; a name belongs to the first", () => {
    const own = defineStates("Own", [BASIC_STATES, "Ready", "Work", CONNECTED_STATES, "Done"]);
    const { groups, names } = collectStates(own);
    expect(Object.keys(groups)).toEqual(["self", "Basic", "Connected"]);
    expect(groups.self).toEqual(["Work", "Done"]);
    expect(groups.Basic).not.toContain("Exception");
    expect(groups.Basic).toHaveLength(6);
    expect(groups.Connected?.[0]).toBe("ErrConnecting");
    expect(names).toHaveLength(new Set(names).size);
  });

  it("refuses two definitions with the same name", () => {
    const a = defineStates("Part", ["A"]);
    const b = defineStates("Part", ["B"]);
    expect(() => collectStates(defineStates("Whole", [a, b]))).toThrow(
      'Cannot collect the states of "Whole": two definitions are named "Part"',
    );
  });

  it("visits a definition that is embedded twice only once", () => {
    const inner = defineStates("Inner", ["X"]);
    const a = defineStates("A", [inner, "A1"]);
    const b = defineStates("B", [inner, "B1"]);
    expect(collectStates(defineStates("Whole", [a, b])).names).toEqual(["X", "A1", "B1"]);
  });
});

describe("defineGroups()", () => {
  it("returns the groups, and refuses states that the schema lacks", () => {
    const groups = defineGroups(BASIC, { Life: ["Healthcheck", "Heartbeat"] });
    expect(groups.Life).toEqual(["Healthcheck", "Heartbeat"]);
    expect(() => defineGroups(BASIC, { Life: ["Pulse" as "Ready"] })).toThrow(
      'Cannot define group "Life": states "Pulse" are not in the schema',
    );
  });
});

describe("base schemas", () => {
  it.each([
    [BASIC, BASIC_STATES],
    [{ ...STATE_SOURCE, Exception: {} }, STATE_SOURCE_STATES],
    [{ ...DISPOSED, Exception: {} }, DISPOSED_STATES],
    [{ ...CONNECTED, Exception: {} }, CONNECTED_STATES],
    [{ ...CONN_POOL, Exception: {} }, CONN_POOL_STATES],
  ])("have exactly the states of their definition", (schema, definition) => {
    expect(Object.keys(schema).sort()).toEqual([...collectStates(definition).names].sort());
  });

  it("keep a connection in one of its states, Disconnected by default", () => {
    const machine = createMachine(mergeSchemas(BASIC, CONNECTED));
    machine.add("Start");
    expect(machine.is("Disconnected")).toBe(true);
    machine.add("Connecting");
    machine.add("Connected");
    expect(machine.activeStates()).toEqual(["Start", "Connected"]);
    machine.remove("Start");
    expect(machine.is("Disconnected")).toBe(true);
  });

  it("make a pool Connected with its first connection, ConnectedFully with all", () => {
    const machine = createMachine(mergeSchemas(BASIC, CONN_POOL));
    machine.add(["Start", "Connecting"]);
    machine.add("Connected");
    machine.add("ConnectedFully");
    expect(machine.is(["Connecting", "Connected", "ConnectedFully"])).toBe(true);
    machine.add("Disconnecting");
    expect(machine.any("Connecting", "Connected", "ConnectedFully")).toBe(false);
  });
});

describe("handleDisposal()", () => {
  it("runs the registered functions in order, then disposes the machine", async () => {
    const errors: Error[] = [];
    const machine = createDisposable(errors);
    const log: string[] = [];
    for (const name of ["first", "failing", "last"]) {
      const dispose = async () => {
        log.push(name);
        if (name === "failing") throw new Error("out of order");
      };
      expect(machine.add("RegisterDisposal", { dispose }).result).toBe("executed");
    }
    machine.add("Disposing");
    expect(machine.is("Start")).toBe(false);
    await machine.whenDisposed();
    expect(log).toEqual(["first", "failing", "last"]);
    expect(errors.map(({ message }) => message)).toEqual(["out of order"]);
    expect(machine.isDisposed).toBe(true);
  });

  it("refuses anything but a function, and adds an error", () => {
    const machine = createDisposable();
    const result = machine.add("RegisterDisposal", { dispose: 7 });
    expect(result).toEqual({
      result: "canceled",
      rejected: { state: "RegisterDisposal", by: "handler RegisterDisposalEnter" },
    });
    expect(machine.err?.message).toBe(
      'Cannot register a disposal: "dispose" is number, not a function',
    );
  });
});
