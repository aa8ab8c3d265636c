/**
 * Parses the standard `OTEL_…` variables that this project supports. As the specification requires, an
 * invalid value is reported and ignored: telemetry never prevents a node from starting.
 */

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export type SamplerName = (typeof SAMPLERS)[number];

/** Where and how one signal is sent. */
export interface OtlpEndpoint {
  /** Full URL, `/v1/…` included. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Limit for one export including its retries, in milliseconds. */
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
}

/** How items are queued and batched before they are sent. */
export interface BatchOptions {
  readonly scheduleDelayMs: number;
  readonly exportTimeoutMs: number;
  /** When the queue is full, new items are dropped. */
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

export interface TelemetryOptions {
  /** Undefined: no traces are exported. */
  readonly traces: OtlpEndpoint | undefined;
  /** Undefined: no log records are exported. */
  readonly logs: OtlpEndpoint | undefined;
  readonly sampler: SamplerName;
  /** Fraction of the traces that begin here to keep, 0 to 1; for samplers by ratio. */
  readonly samplerRatio: number;
  readonly spanBatch: BatchOptions;
  readonly logBatch: BatchOptions;
  /** From `OTEL_SERVICE_NAME`; undefined for the name of the node's role. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** Invalid values, one message each. */
  readonly problems: readonly string[];
}

/** One trace in a hundred, decided where it begins; all other nodes follow that decision. */
const DEFAULT_SAMPLER: SamplerName = "parentbased_traceidratio";
const DEFAULT_RATIO = 0.01;

type Environment = Readonly<Record<string, string | undefined>>;

/** Parses the variables. Never throws. */
export function parseTelemetryOptions(env: Environment): TelemetryOptions {
  const reader = new Reader(env);
  const isDisabled = reader.text("OTEL_SDK_DISABLED")?.toLowerCase() === "true";
  const endpoint = (signal: "TRACES" | "LOGS") =>
    isDisabled ? undefined : reader.endpoint(signal);
  return {
    traces: endpoint("TRACES"),
    logs: endpoint("LOGS"),
    sampler: reader.oneOf("OTEL_TRACES_SAMPLER", SAMPLERS, DEFAULT_SAMPLER),
    samplerRatio: reader.number("OTEL_TRACES_SAMPLER_ARG", DEFAULT_RATIO, 0, 1),
    spanBatch: reader.batch("OTEL_BSP", 5_000),
    logBatch: reader.batch("OTEL_BLRP", 1_000),
    serviceName: reader.text("OTEL_SERVICE_NAME"),
    resourceAttributes: reader.pairs("OTEL_RESOURCE_ATTRIBUTES"),
    problems: reader.problems,
  };
}

class Reader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Undefined for a variable that is unset or empty; the specification treats both alike. */
  text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === "" ? undefined : text;
  }

  /** Returns the signal's own variable if it is set, else the general one. */
  #ofSignal(signal: string, suffix: string): [name: string, text: string | undefined] {
    const own = `OTEL_EXPORTER_OTLP_${signal}_${suffix}`;
    const general = `OTEL_EXPORTER_OTLP_${suffix}`;
    const name = this.text(own) === undefined ? general : own;
    return [name, this.text(name)];
  }

  endpoint(signal: "TRACES" | "LOGS"): OtlpEndpoint | undefined {
    const exporter = `OTEL_${signal}_EXPORTER`;
    if (this.oneOf(exporter, ["otlp", "none"], "otlp") === "none") return undefined;
    const [name, text] = this.#ofSignal(signal, "ENDPOINT");
    if (text === undefined) return undefined;
    const isFull = name.includes(signal);
    const url = URL.parse(isFull ? text : `${text.replace(/\/+$/, "")}/v1/${signal.toLowerCase()}`);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      this.#refuse(name, text, "not an http:// or https:// URL");
      return undefined;
    }
    const [protocolName, protocol] = this.#ofSignal(signal, "PROTOCOL");
    if (protocol !== undefined && !protocol.startsWith("http/")) {
      this.#refuse(protocolName, protocol, "not http/protobuf or http/json; HTTP is used");
    }
    const [timeoutName] = this.#ofSignal(signal, "TIMEOUT");
    const [compressionName] = this.#ofSignal(signal, "COMPRESSION");
    const [headersName] = this.#ofSignal(signal, "HEADERS");
    return {
      url: url.href,
      headers: this.pairs(headersName),
      timeoutMs: this.number(timeoutName, 10_000, 1, 600_000),
      compression: this.oneOf(compressionName, ["none", "gzip"], "none"),
    };
  }

  batch(prefix: string, scheduleDelayMs: number): BatchOptions {
    const maxQueueSize = this.number(`${prefix}_MAX_QUEUE_SIZE`, 2_048, 1, 1_000_000);
    return {
      scheduleDelayMs: this.number(`${prefix}_SCHEDULE_DELAY`, scheduleDelayMs, 1, 600_000),
      exportTimeoutMs: this.number(`${prefix}_EXPORT_TIMEOUT`, 30_000, 1, 600_000),
      maxQueueSize,
      maxExportBatchSize: Math.min(
        maxQueueSize,
        this.number(`${prefix}_MAX_EXPORT_BATCH_SIZE`, 512, 1, 1_000_000),
      ),
    };
  }

  number(name: string, fallback: number, min: number, max: number): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (value >= min && value <= max) return value;
    this.#refuse(name, text, `not a number from ${min} to ${max}; ${fallback} is used`);
    return fallback;
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = values.find((candidate) => candidate === text.toLowerCase());
    if (value === undefined)
      this.#refuse(name, text, `not one of ${values.join(", ")}; ${fallback} is used`);
    return value ?? fallback;
  }

  /** Parses `key1=value1,key2=value2` with percent-encoded values (W3C Baggage). */
  pairs(name: string): Record<string, string> {
    const pairs: Record<string, string> = {};
    for (const item of (this.text(name) ?? "").split(",")) {
      if (item.trim() === "") continue;
      const [key = "", ...rest] = item.split("=");
      const value = decode(rest.join("=").trim());
      if (key.trim() === "" || rest.length === 0 || value === undefined)
        this.#refuse(name, item.trim(), "not key=value; it is ignored");
      else pairs[key.trim()] = value;
    }
    return pairs;
  }

  #refuse(name: string, text: string, why: string): void {
    // A header may hold a secret.
    const shown = name.endsWith("_HEADERS") ? "one of its values" : `"${text}"`;
    const problem = `Cannot use ${name}: ${shown} is ${why}`;
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
