/** The real OpenTelemetry Collector for tests: named, found, or built by its builder from Go modules. */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { type Cleanup, findProgram, Program } from "./process.ts";

export const COLLECTOR_CONFIG = fileURLToPath(
  new URL("../../../otel-collector.yaml", import.meta.url),
);

/** The version of the image in compose.yaml. */
export const COLLECTOR_VERSION = "0.159.0";

const CORE = "go.opentelemetry.io/collector";
const CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib";

/** Go modules of the components that otel-collector.yaml uses, by kind and type. */
export const COMPONENT_MODULES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  extensions: { health_check: `${CONTRIB}/extension/healthcheckextension` },
  receivers: {
    otlp: `${CORE}/receiver/otlpreceiver`,
    prometheus: `${CONTRIB}/receiver/prometheusreceiver`,
  },
  processors: {
    memory_limiter: `${CORE}/processor/memorylimiterprocessor`,
    resource: `${CONTRIB}/processor/resourceprocessor`,
  },
  exporters: {
    otlp_http: `${CORE}/exporter/otlphttpexporter`,
    prometheus_remote_write: `${CONTRIB}/exporter/prometheusremotewriteexporter`,
  },
};

/**
 * The path of a Collector: OTELCOL_BIN, else `otelcol-contrib` in PATH, else one built here once, which
 * takes a quarter of an hour on two cores. Without Go, prints what is missing and returns undefined.
 */
export async function findCollector(): Promise<string | undefined> {
  const found = findProgram("otelcol-contrib", "OTELCOL_BIN");
  if (found !== undefined) return found;
  const built = join(cacheFolder(), "otelcol-contrib");
  if (existsSync(built)) return built;
  const go = findProgram("go", "GO_BIN");
  if (go === undefined) {
    console.warn(
      "There is no OpenTelemetry Collector, and no Go to build one: set OTELCOL_BIN, or install Go; tests that need it are skipped",
    );
    return undefined;
  }
  await build(go, built);
  return built;
}

function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "tree-state-source", `otelcol-${COLLECTOR_VERSION}`);
}

/** Builds into a folder next to the final one, so that an interrupted build leaves nothing incomplete. */
async function build(go: string, target: string): Promise<void> {
  const folder = join(cacheFolder(), `build-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const modules = (kind: string) =>
    Object.values(COMPONENT_MODULES[kind]!).map((module) => ({
      gomod: `${module} v${COLLECTOR_VERSION}`,
    }));
  const config = {
    dist: {
      name: "otelcol-contrib",
      output_path: join(folder, "dist"),
      version: COLLECTOR_VERSION,
    },
    ...Object.fromEntries(Object.keys(COMPONENT_MODULES).map((kind) => [kind, modules(kind)])),
  };
  writeFileSync(join(folder, "builder.yaml"), stringify(config));
  console.warn(`Building the OpenTelemetry Collector ${COLLECTOR_VERSION} into ${target}`);
  const builder = new Program(go, {
    args: ["run", `${CORE}/cmd/builder@v${COLLECTOR_VERSION}`, `--config=${folder}/builder.yaml`],
  });
  if ((await builder.exit()) !== 0) {
    throw new Error(`Cannot build the Collector: the builder ended with\n${builder.tail()}`);
  }
  renameSync(join(folder, "dist", "otelcol-contrib"), target);
  rmSync(folder, { recursive: true });
}

export interface CollectorOptions {
  /** host:port of each node's HTTP API. */
  readonly nodes: readonly string[];
  /** Port for OTLP/HTTP; a restarted Collector uses the same. */
  readonly otlpPort: number;
  readonly prometheusUrl: string;
  /** Receives traces, and logs below /otlp, as Tempo and Loki do. */
  readonly tempoUrl: string;
  readonly lokiUrl: string;
}

/** Starts a Collector with otel-collector.yaml; resolves once it accepts data. */
export async function startCollector(
  path: string,
  options: CollectorOptions,
  cleanup: Cleanup,
): Promise<Program> {
  const collector = new Program(path, {
    args: ["--config", COLLECTOR_CONFIG],
    env: {
      OTLP_HTTP_ADDR: `127.0.0.1:${options.otlpPort}`,
      NODE_TARGETS: `[${options.nodes.join(", ")}]`,
      SCRAPE_INTERVAL: "1s",
      SCRAPE_TIMEOUT: "900ms",
      FLUSH_TIMEOUT: "100ms",
      PROMETHEUS_URL: options.prometheusUrl,
      TEMPO_URL: options.tempoUrl,
      LOKI_URL: options.lokiUrl,
      HEALTH_ADDR: "127.0.0.1:0",
      METRICS_HOST: "127.0.0.1",
      METRICS_PORT: "0",
    },
  });
  cleanup.add(() => collector.stop());
  await collector.line(/Everything is ready/);
  return collector;
}
