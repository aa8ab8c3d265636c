import { describe, expect, it } from "vitest";
import { createLogger, formatLogRecord, type LogRecord } from "./log.ts";

describe("createLogger()", () => {
  it("writes records up to its level and drops the rest", () => {
    const records: LogRecord[] = [];
    const log = createLogger(
      "info",
      () => 5,
      (record) => records.push(record),
    );
    log.error("a");
    log.info("b", { seq: 3 });
    log.debug("c");
    expect(records).toEqual([
      { timeMs: 5, level: "error", message: "a", fields: {} },
      { timeMs: 5, level: "info", message: "b", fields: { seq: 3 } },
    ]);
    expect(log.enabled("debug")).toBe(false);
  });

  it("marks records that only one place receives", () => {
    const records: LogRecord[] = [];
    const log = createLogger(
      "debug",
      () => 5,
      (record) => records.push(record),
    );
    log.only("console").debug("a");
    log.only("collector").info("b");
    log.only("collector").trace("c");
    expect(records).toEqual([
      { timeMs: 5, level: "debug", message: "a", fields: {}, only: "console" },
      { timeMs: 5, level: "info", message: "b", fields: {}, only: "collector" },
    ]);
  });
});

describe("formatLogRecord()", () => {
  it("puts time, level, message and fields on one line, quoting values with spaces", () => {
    const fields = { upstream: "127.0.0.1:19700", why: 'it said "no"', left: undefined };
    expect(formatLogRecord({ timeMs: 1_123, level: "warn", message: "link lost", fields })).toBe(
      '00:00:01.123 WARN  link lost upstream=127.0.0.1:19700 why="it said \\"no\\""',
    );
  });

  it("escapes line ends and control characters in values", () => {
    const fields = { reason: "\u001b[2J\u009b2J\u007f\n00:00:00.000 ERROR  forged" };
    expect(formatLogRecord({ timeMs: 0, level: "info", message: "a", fields })).toBe(
      '00:00:00.000 INFO  a reason="\\u001b[2J\\u009b2J\\u007f\\n00:00:00.000 ERROR  forged"',
    );
    const bare = { name: "\u001b[2J" };
    expect(formatLogRecord({ timeMs: 0, level: "info", message: "a", fields: bare })).toBe(
      '00:00:00.000 INFO  a name="\\u001b[2J"',
    );
  });

  it("ends with the trace id of a record that belongs to a trace", () => {
    const traceContext = new Uint8Array(25).fill(10);
    const record = { timeMs: 0, level: "info", message: "diff applied", fields: {} } as const;
    expect(formatLogRecord({ ...record, traceContext })).toBe(
      `00:00:00.000 INFO  diff applied trace=${"0a".repeat(16)}`,
    );
  });
});
