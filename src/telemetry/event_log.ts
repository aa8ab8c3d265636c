/** What telemetry needs of a node's log. */

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes records of one kind; `traceContext` ties a record to its span. */
export type WriteRecord = (message: string, fields?: LogFields, traceContext?: Uint8Array) => void;

export interface EventLog {
  readonly info: WriteRecord;
  readonly debug: WriteRecord;
  readonly trace: WriteRecord;
  /** Whether records of this level are written; ask before building costly fields. */
  enabled(level: "info" | "debug" | "trace"): boolean;
}
