/** The part of a node's log that telemetry uses. */

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes a record of one level; `traceContext` connects it to its span. */
export type WriteRecord = (message: string, fields?: LogFields, traceContext?: Uint8Array) => void;

export interface EventLog {
  readonly info: WriteRecord;
  readonly debug: WriteRecord;
  readonly trace: WriteRecord;
  /** Whether records of this level are written. Check it before building costly fields. */
  enabled(level: "info" | "debug" | "trace"): boolean;
}
