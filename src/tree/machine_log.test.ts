import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../machine/mod.ts";
import { mutate, useTestNodes } from "../testing/test_node.ts";
import type { LogLevel } from "./config.ts";
import { createLogger, formatLogRecord, type LogRecord } from "./log.ts";
import { logMachine } from "./machine_log.ts";

function setUp(level: LogLevel) {
  const records: LogRecord[] = [];
  const log = createLogger(
    level,
    () => 0,
    (record) => records.push(record),
  );
  const machine = createMachine({ A: {} }, { id: "m" }) as unknown as Machine;
  return { machine, records, stop: logMachine(machine, log) };
}

describe("logMachine()", () => {
  it("writes nothing and attaches no tracer at level info", () => {
    const { machine, records } = setUp("info");
    machine.add("A");
    expect([records, machine.tracers]).toEqual([[], []]);
  });

  it("writes changes and operations at level debug, for the console only", () => {
    const { machine, records, stop } = setUp("debug");
    machine.add("A");
    stop();
    machine.remove("A");
    expect(records.map(formatLogRecord)).toEqual([
      "00:00:00.000 DEBUG [add] A",
      "00:00:00.000 DEBUG [state] +A",
    ]);
    expect(new Set(records.map(({ only }) => only))).toEqual(new Set(["console"]));
  });

  it("writes everything at level trace, the details as records of that level", () => {
    const { machine, records } = setUp("trace");
    machine.add("A");
    machine.add("A");
    expect(records.map(({ level, message }) => `${level} ${message.split(" ")[0]}`)).toEqual([
      "trace [start]",
      "debug [add]",
      "debug [state]",
      "trace [end]",
      "trace [queue]",
      "trace [start]",
      "debug [add]",
      "trace [same]",
      "trace [end]",
      "trace [queue]",
    ]);
  });
});

describe("A root at level debug", () => {
  const nodes = useTestNodes();

  it("writes a transition once for the console and once for collectors", async () => {
    const records: LogRecord[] = [];
    const onLog = (record: LogRecord) => void records.push(record);
    const root = await nodes.start({ TST_LOG_LEVEL: "debug" }, { onLog });
    await mutate(root, { type: "add", states: ["Start"] });
    await nodes.close();
    const read = (place: string) =>
      records.filter(({ only }) => only === place).map(({ message }) => message);
    expect(read("console").slice(0, 2)).toEqual(["[add] Start", "[state] +Start"]);
    expect(read("collector")[0]).toBe("transition executed");
    const both = records.filter(({ only }) => only === undefined).map(({ message }) => message);
    expect(both).not.toContain("transition executed");
    expect(both).toContain("node started");
  });
});
