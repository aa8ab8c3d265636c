/** A real Prometheus for tests, on a free port. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { type Cleanup, findProgram, Program } from "./process.ts";

const MISSING = "There is no Prometheus: apt-get install prometheus, or set PROMETHEUS_BIN";

const ALERTS = fileURLToPath(
  new URL("../../../dashboards/prometheus/alerts.yaml", import.meta.url),
);

/**
 * The path of a Prometheus. Without one, prints a warning, and the tests that need it are skipped; with
 * REQUIRE_PROMETHEUS, as in CI, throws instead.
 */
export function findPrometheus(): string | undefined {
  const path = findProgram("prometheus", "PROMETHEUS_BIN");
  if (path === undefined && process.env.REQUIRE_PROMETHEUS) throw new Error(MISSING);
  if (path === undefined) console.warn(`${MISSING}; tests that need it are skipped`);
  return path;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state: string;
}

export interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PrometheusOptions {
  /** host:port of the nodes that it scrapes each second as job "tree"; without any, it only accepts remote writes. */
  readonly targets: readonly string[];
  /** Makes alerts fire as soon as their expression holds, instead of after their `for`. */
  readonly alertsAtOnce?: boolean;
}

/** A running Prometheus with the project's alert rules. */
export class Prometheus {
  readonly url: string;
  readonly program: Program;

  private constructor(url: string, program: Program) {
    this.url = url;
    this.program = program;
  }

  static async start(
    path: string,
    { targets, alertsAtOnce = false }: PrometheusOptions,
    cleanup: Cleanup,
  ): Promise<Prometheus> {
    const folder = cleanup.folder();
    const alerts = readFileSync(ALERTS, "utf8")
      .replace(/interval: \S+/, "interval: 1s")
      .replaceAll(/(?<= for: )\S+/g, (text) => (alertsAtOnce ? "0s" : text));
    writeFileSync(join(folder, "alerts.yaml"), alerts);
    const config = {
      global: { scrape_interval: "1s", scrape_timeout: "900ms", evaluation_interval: "1s" },
      rule_files: ["alerts.yaml"],
      ...(targets.length > 0 && {
        scrape_configs: [{ job_name: "tree", static_configs: [{ targets }] }],
      }),
    };
    writeFileSync(join(folder, "prometheus.yaml"), stringify(config));
    const program = new Program(path, {
      args: [
        `--config.file=${join(folder, "prometheus.yaml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-remote-write-receiver",
        "--enable-feature=exemplar-storage",
      ],
    });
    cleanup.add(() => program.stop());
    const [, address] = await program.line(/Listening on.*?address=(127\.0\.0\.1:\d+)/);
    // Before that, it responds 503 to queries.
    await program.line(/Server is ready to receive web requests/);
    return new Prometheus(`http://${address}`, program);
  }

  /** The current result of an instant query. Throws with the message of Prometheus if it refuses the query. */
  async query(query: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: { metric: object; value: [number, string] }[] }>(
      `query?${new URLSearchParams({ query })}`,
    );
    return result.map(({ metric, value }) => ({
      metric: metric as Record<string, string>,
      value: Number(value[1]),
    }));
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = await this.#get<{ groups: { rules: RuleState[] }[] }>("rules");
    return groups.flatMap(({ rules }) => rules);
  }

  async alerts(): Promise<Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>("alerts")).alerts;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== "success") throw new Error(`Cannot query Prometheus: ${body.error}`);
    return body.data;
  }
}
