/** Log records of a node: levels, structured fields, and their form on the console. */

import { traceIdOf } from "../replication/mod.ts";
import { LOG_LEVELS, type LogLevel } from "./config.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface LogRecord {
  readonly timeMs: number;
  readonly level: LogLevel;
  /** What happened, in words that are the same in each such record. */
  readonly message: string;
  readonly fields: LogFields;
  /** W3C trace context of its span: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
  readonly traceContext?: Uint8Array | undefined;
  /** The only place that it is for. Default: both. */
  readonly only?: LogPlace;
}

/** Where records go: to people, and to a collector of telemetry. */
export type LogPlace = "console" | "collector";

type Write = (message: string, fields?: LogFields, traceContext?: Uint8Array) => void;

/** Writes records of each level. */
export interface LogWrites {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
  readonly trace: Write;
  /** Whether records of this level are written; check before building costly fields. */
  enabled(level: LogLevel): boolean;
}

export interface Logger extends LogWrites {
  /** The same log, for records that only one place receives. */
  only(place: LogPlace): LogWrites;
}

/** A logger that passes records up to `level` to `write`, which sends each to where it is for. */
export function createLogger(
  level: LogLevel,
  now: () => number,
  write: (record: LogRecord) => void,
): Logger {
  const limit = LOG_LEVELS.indexOf(level);
  const enabled = (of: LogLevel) => LOG_LEVELS.indexOf(of) <= limit;
  const createWrites = (only?: LogPlace): LogWrites => {
    const at = (of: LogLevel) => {
      if (!enabled(of)) return () => {};
      return (message: string, fields: LogFields = {}, traceContext?: Uint8Array) =>
        write({
          timeMs: now(),
          level: of,
          message,
          fields,
          ...(traceContext && { traceContext }),
          ...(only && { only }),
        });
    };
    return {
      error: at("error"),
      warn: at("warn"),
      info: at("info"),
      debug: at("debug"),
      trace: at("trace"),
      enabled,
    };
  };
  return { ...createWrites(), only: createWrites };
}

/** One line for people: `12:00:01.123 INFO  link live upstream=127.0.0.1:19700`. */
export function formatLogRecord(record: LogRecord): string {
  const { timeMs, level, message, fields, traceContext } = record;
  const time = new Date(timeMs).toISOString().slice(11, 23);
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${formatValue(value)}`);
  if (traceContext !== undefined) parts.push(` trace=${traceIdOf(traceContext)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${parts.join("")}`;
}

/** Quotes and escapes, so that no value from a peer can end the line or control the terminal. */
function formatValue(value: unknown): string {
  const text = String(value);
  if (/^[^\s"=\p{Cc}]+$/u.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\x7f-\x9f]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
