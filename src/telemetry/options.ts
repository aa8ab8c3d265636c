/**
 * The standard `OTEL_…` variables, as far as they have a meaning here. As the specification asks, one
 * that cannot be used is told and left out: telemetry never keeps a node from starting.
 */

export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

const SAMPLERS: readonly SamplerName[] = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
];

/** Where one signal is sent. */
export interface OtlpEndpoint {
  /** Whole URL, `/v1/…` included. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest that one export may take, in milliseconds, its repeats included. */
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
}

/** How many items wait for how long before they are sent. */
export interface BatchOptions {
  readonly scheduleDelayMs: number;
  readonly exportTimeoutMs: number;
  /** Items beyond are dropped. */
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

export interface TelemetryOptions {
  /** Undefined: no traces leave this process. */
  readonly traces: OtlpEndpoint | undefined;
  readonly logs: OtlpEndpoint | undefined;
  readonly sampler: SamplerName;
  /** Part of the traces that begin here which are kept, 0 to 1; for samplers by ratio. */
  readonly samplerRatio: number;
  readonly spanBatch: BatchOptions;
  readonly logBatch: BatchOptions;
  /** From `OTEL_SERVICE_NAME`; undefined for the tier's own. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** What could not be used, a line each. */
  readonly problems: readonly string[];
}

/** One trace in a hundred, where it begins: everything else about it follows that decision. */
const DEFAULT_SAMPLER: SamplerName = "parentbased_traceidratio";
const DEFAULT_RATIO = 0.01;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the variables. Never throws. */
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

  /** Undefined for what is missing or empty, which the specification takes for the same. */
  text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === "" ? undefined : text;
  }

  /** The signal's own variable, else the general one. */
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
    const isWhole = name.includes(signal);
    const url = URL.parse(
      isWhole ? text : `${text.replace(/\/+$/, "")}/v1/${signal.toLowerCase()}`,
    );
    if (url === null || !/^https?:$/.test(url.protocol)) {
      this.#refuse(name, text, "no http:// or https:// address");
      return undefined;
    }
    const [protocolName, protocol] = this.#ofSignal(signal, "PROTOCOL");
    if (protocol !== undefined && !protocol.startsWith("http/")) {
      this.#refuse(protocolName, protocol, "not http/protobuf or http/json; sends over HTTP");
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
    this.#refuse(name, text, `no number from ${min} to ${max}; takes ${fallback}`);
    return fallback;
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = values.find((candidate) => candidate === text.toLowerCase());
    if (value === undefined)
      this.#refuse(name, text, `none of ${values.join(", ")}; takes ${fallback}`);
    return value ?? fallback;
  }

  /** `key1=value1,key2=value2`, with values in percent encoding (W3C Baggage). */
  pairs(name: string): Record<string, string> {
    const pairs: Record<string, string> = {};
    for (const item of (this.text(name) ?? "").split(",")) {
      if (item.trim() === "") continue;
      const [key = "", ...rest] = item.split("=");
      const value = decode(rest.join("=").trim());
      if (key.trim() === "" || rest.length === 0 || value === undefined)
        this.#refuse(name, item.trim(), "no key=value; leaves it out");
      else pairs[key.trim()] = value;
    }
    return pairs;
  }

  #refuse(name: string, text: string, why: string): void {
    // What stands in a header may be a secret.
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
