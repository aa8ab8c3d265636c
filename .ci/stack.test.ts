/**
 * Compares what surrounds the nodes with the code and with itself: compose.yaml, Dockerfile,
 * otel-collector.yaml, and the configuration of Grafana, Prometheus, Loki and Tempo.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { PROGRAM_SETTINGS } from "../src/cli/node_program.ts";
import { SERVICE_NAMESPACE } from "../src/telemetry/semconv.ts";
import { defaultTree, environmentOf, parseConfig } from "../src/tree/mod.ts";

// biome-ignore lint/suspicious/noExplicitAny: YAML of other programs; each test checks the shape that it needs
type Yaml = any;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const text = (path: string) => readFileSync(ROOT + path, "utf8");
const yaml = (path: string): Yaml => parse(text(path), { merge: true });

const compose = yaml("compose.yaml");
const services = Object.entries<Yaml>(compose.services);
const tree = defaultTree();

/** The default in `${NAME:-default}`; the unchanged text if there is none. */
function withDefaults(value: unknown): string {
  return String(value).replaceAll(/\$\{(?:env:)?[A-Z_]+:-([^}]*)\}/g, "$1");
}

describe("compose.yaml", () => {
  it("has the nine nodes of the default tree, each with a valid configuration", () => {
    for (const place of tree) {
      const { environment } = compose.services[place.name];
      const env = Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, withDefaults(value)]),
      );
      const addresses = { TST_ADDR: "0.0.0.0:19700", TST_HTTP_ADDR: "0.0.0.0:18700" };
      const config = parseConfig({ ...env, ...addresses }, [], PROGRAM_SETTINGS);
      const expected = parseConfig(environmentOf(place), [], PROGRAM_SETTINGS);
      expect(config.name).toBe(place.name);
      expect(config.role).toBe(place.role);
      // Compose uses names where npm start uses ports: the same nodes in the same order.
      const names = place.upstreamPorts.map(
        (port) => tree.find((other) => other.port === port)!.name,
      );
      expect(config.parentAddrs).toEqual(names.map((name) => `${name}:19700`));
      const { pushIntervalMs, staleAfterMs, feed } = config;
      expect({ pushIntervalMs, staleAfterMs, feed }).toEqual({
        pushIntervalMs: expected.pushIntervalMs,
        staleAfterMs: expected.staleAfterMs,
        feed: expected.feed,
      });
    }
  });

  it("starts each node after its preferred upstream, and none after telemetry", () => {
    for (const { name, upstreamPorts } of tree) {
      const [first] = upstreamPorts;
      const upstream = tree.find(({ port }) => port === first)?.name;
      expect(compose.services[name].depends_on ?? {}, name).toEqual(
        upstream === undefined ? {} : { [upstream]: { condition: "service_healthy" } },
      );
    }
  });

  it("publishes Grafana and the leaves' HTTP API, at the ports of npm start, only on this machine", () => {
    const published = services.flatMap(([name, { ports = [] }]) =>
      ports.map((port: string) => [name, withDefaults(port)]),
    );
    expect(published).toEqual([
      ...tree
        .filter(({ role }) => role === "leaf")
        .map(({ name, httpPort }) => [name, `127.0.0.1:${httpPort}:18700`]),
      ["grafana", "127.0.0.1:3000:3000"],
    ]);
  });

  it("pins every image, and limits the memory and the logs of every service", () => {
    for (const [name, service] of services) {
      expect(service.image, name).toMatch(/:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$/);
      expect(service.mem_limit, name).toMatch(/^\d+m$/);
      expect(service.logging.options, name).toEqual({ "max-size": "10m", "max-file": "3" });
      expect(service.restart, name).toBe("unless-stopped");
    }
  });

  it("builds the nodes' image once, and never pulls it", () => {
    const nodes = tree.map(({ name }) => compose.services[name]);
    expect(nodes.filter(({ build }) => build !== undefined)).toEqual([compose.services.root]);
    expect(new Set(nodes.map(({ image }) => image)).size).toBe(1);
    expect(nodes.every(({ pull_policy }) => pull_policy === "never")).toBe(true);
  });

  it("mounts existing files read-only, and volumes where the user of the image may write", () => {
    const mounts = services.flatMap(([name, { volumes = [] }]) =>
      volumes.map((volume: string) => [name, ...volume.split(":")]),
    );
    expect(mounts.length).toBeGreaterThan(8);
    for (const [name, source, target, mode] of mounts) {
      if (source.startsWith("./")) {
        expect(existsSync(ROOT + source), source).toBe(true);
        expect(mode, source).toBe("ro");
      } else {
        const writable = { prometheus: "/prometheus", loki: "/loki", tempo: "/var/tempo" };
        expect(target).toBe({ ...writable, grafana: "/var/lib/grafana" }[name as string]);
        expect(compose.volumes).toHaveProperty(source);
      }
    }
  });

  it("gives nodes no unneeded rights", () => {
    for (const { name } of tree) {
      expect(compose.services[name]).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
      });
    }
  });

  const docker = spawnSync("docker", ["compose", "version"]).status === 0;
  it.skipIf(!docker)("is valid for docker compose", () => {
    for (const files of [[], ["-f", "compose.yaml", "-f", "compose.host.yaml"]]) {
      const { status, stderr } = spawnSync("docker", ["compose", ...files, "config", "--quiet"], {
        cwd: ROOT,
        encoding: "utf8",
      });
      expect(stderr).toBe("");
      expect(status).toBe(0);
    }
  });
});

describe("compose.host.yaml", () => {
  it("makes the collector scrape the nodes of npm start, and send to the published ports of the other services", () => {
    const { services } = yaml("compose.host.yaml");
    const { environment } = services["otel-collector"];
    expect(environment.NODE_TARGETS.slice(1, -1).split(", ")).toEqual(
      tree.map(({ httpPort }) => `127.0.0.1:${httpPort}`),
    );
    const published = ["prometheus", "loki", "tempo"].map((name) => services[name].ports[0]);
    const urls = ["PROMETHEUS_URL", "LOKI_URL", "TEMPO_URL"].map((name) => environment[name]);
    expect(urls).toEqual(
      published.map((port: string) => `http://${port.slice(0, port.lastIndexOf(":"))}`),
    );
    const collector = text("otel-collector.yaml");
    const unknown = Object.keys(environment).filter(
      (name) => !collector.includes(`{env:${name}:-`),
    );
    expect(unknown).toEqual([]);
  });
});

describe("Dockerfile", () => {
  const lines = text("Dockerfile").split("\n");

  it("builds on an image pinned by digest", () => {
    expect(lines.find((line) => line.startsWith("ARG NODE_IMAGE="))).toMatch(
      /=node:24\.\d+\.\d+-alpine@sha256:[0-9a-f]{64}$/,
    );
    expect(
      lines.filter((line) => line.startsWith("FROM ")).map((line) => line.split(" ")[1]),
    ).toEqual(["${NODE_IMAGE}", "${NODE_IMAGE}"]);
  });

  it("runs as a user other than root, and has a health check", () => {
    expect(lines).toContain("USER 1000:1000");
    expect(lines.some((line) => line.startsWith("HEALTHCHECK "))).toBe(true);
  });

  it("copies only what .dockerignore allows", () => {
    const allowed = text(".dockerignore").match(/(?<=^!).+$/gm)!;
    const copied = lines
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from"))
      .flatMap((line) => line.split(" ").slice(1, -1));
    expect(copied.length).toBeGreaterThan(3);
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([]);
  });
});

describe("otel-collector.yaml", () => {
  const collector = yaml("otel-collector.yaml");
  const pipelines = Object.entries<Yaml>(collector.service.pipelines);

  it("limits memory first in every pipeline", () => {
    expect(pipelines.map(([name]) => name)).toEqual(["metrics", "traces", "logs"]);
    for (const [, { processors }] of pipelines) expect(processors[0]).toBe("memory_limiter");
  });

  it("uses every component that it defines, and defines every component that it uses", () => {
    for (const kind of ["receivers", "processors", "exporters"]) {
      const used = new Set(pipelines.flatMap(([, pipeline]) => pipeline[kind]));
      expect([...used].sort()).toEqual(Object.keys(collector[kind]).sort());
    }
    expect(collector.service.extensions).toEqual(Object.keys(collector.extensions));
  });

  it("limits what it keeps for an unreachable backend, in size and in time", () => {
    for (const exporter of Object.values<Yaml>(collector.exporters)) {
      const queue = exporter.sending_queue ?? exporter.remote_write_queue;
      expect(queue.queue_size).toBeGreaterThan(0);
      expect(exporter.retry_on_failure.max_elapsed_time).toBe("60s");
    }
  });

  it("scrapes the nodes of compose.yaml, and sends to its services", () => {
    const [job] = collector.receivers.prometheus.config.scrape_configs;
    const targets = /:-\[(.*)\]\}$/.exec(job.static_configs[0].targets)![1]!.split(", ");
    expect(job.job_name).toBe("tree");
    expect(targets).toEqual(tree.map(({ name }) => `${name}:18700`));
    for (const { endpoint } of Object.values<Yaml>(collector.exporters)) {
      const { hostname } = new URL(withDefaults(endpoint));
      expect(Object.keys(compose.services)).toContain(hostname);
    }
  });

  it("listens on all interfaces, so that other containers reach it", () => {
    const endpoints = JSON.stringify(collector).match(/(?<=_ADDR:-)[^}]+/g)!;
    expect(endpoints).toEqual(["0.0.0.0:4318", "0.0.0.0:13133"]);
  });
});

describe("Grafana's provisioning", () => {
  const source = text("dashboards/provisioning/datasources/datasources.yaml");
  const { datasources } = parse(source);
  const [prometheus, loki, tempo] = datasources;

  it("has the three data sources under the uids that dashboards use by default", () => {
    expect(datasources.map(({ uid, type }: Yaml) => [uid, type])).toEqual([
      ["prometheus", "prometheus"],
      ["loki", "loki"],
      ["tempo", "tempo"],
    ]);
    for (const { editable, access } of datasources) {
      expect({ editable, access }).toEqual({ editable: false, access: "proxy" });
    }
  });

  it("expands only variables that compose.yaml sets; every other $ is doubled", () => {
    const variables = source.replaceAll("$$", "").match(/\$\{?\w+/g)!;
    const { environment } = compose.services.grafana;
    expect(variables).toEqual(["${PROMETHEUS_URL", "${LOKI_URL", "${TEMPO_URL"]);
    for (const variable of variables) expect(environment).toHaveProperty(variable.slice(2));
  });

  it("leads from exemplars to traces", () => {
    expect(prometheus.jsonData.exemplarTraceIdDestinations).toMatchObject([
      { name: "trace_id", datasourceUid: "tempo" },
    ]);
    const { trace_id_label_name } =
      yaml("dashboards/tempo.yaml").overrides.defaults.metrics_generator;
    expect(trace_id_label_name).toBe("trace_id");
  });

  it("leads from traces to logs, metrics and the service graph", () => {
    const { tracesToLogsV2, tracesToMetrics, serviceMap, nodeGraph } = tempo.jsonData;
    expect(tracesToLogsV2).toMatchObject({
      datasourceUid: "loki",
      spanStartTimeShift: "-1m",
      customQuery: true,
      query: '{$${__tags}} | trace_id = "$${__trace.traceId}"',
    });
    expect(tracesToMetrics.datasourceUid).toBe("prometheus");
    expect(tracesToMetrics.queries.length).toBeGreaterThan(2);
    expect(serviceMap).toEqual({ datasourceUid: "prometheus" });
    expect(nodeGraph).toEqual({ enabled: true });
  });

  it("leads from logs to traces, and from metrics to logs", () => {
    expect(loki.jsonData.derivedFields).toMatchObject([
      { matcherType: "label", matcherRegex: "trace_id", datasourceUid: "tempo" },
    ]);
    const [correlation] = prometheus.correlations;
    expect(correlation).toMatchObject({
      targetUID: "loki",
      config: { field: "service_instance_id" },
    });
    expect(correlation.config.target.expr).toContain(`service_namespace="${SERVICE_NAMESPACE}"`);
  });

  it("gives the data source of Prometheus the scrape interval of the collector", () => {
    const { global } = yaml("otel-collector.yaml").receivers.prometheus.config;
    expect(global.scrape_interval).toContain(`:-${prometheus.jsonData.timeInterval}}`);
  });

  it("reads dashboards from the folder where compose.yaml mounts them, and allows no edits", () => {
    const [provider] = yaml("dashboards/provisioning/dashboards/dashboards.yaml").providers;
    expect(provider.allowUiUpdates).toBe(false);
    expect(compose.services.grafana.volumes).toContain(
      `./dashboards/grafana:${provider.options.path}:ro`,
    );
  });
});

describe("Prometheus, Loki and Tempo", () => {
  it("refer to existing rule files, and to services of compose.yaml", () => {
    const prometheus = yaml("dashboards/prometheus/prometheus.yaml");
    expect(prometheus.rule_files).toEqual(["alerts.yaml"]);
    expect(existsSync(`${ROOT}dashboards/prometheus/alerts.yaml`)).toBe(true);
    const hosts = prometheus.scrape_configs.flatMap(({ static_configs }: Yaml) =>
      static_configs[0].targets.map((target: string) => target.split(":")[0]),
    );
    expect(
      hosts.filter((host: string) => host !== "localhost" && !(host in compose.services)),
    ).toEqual([]);
  });

  it("keep their data in volumes that survive a restart", () => {
    for (const name of ["loki", "tempo"]) {
      const [, volume] = compose.services[name].volumes;
      expect(withDefaults(text(`dashboards/${name}.yaml`))).toContain(volume.split(":")[1]);
    }
    expect(compose.services.prometheus.command).toContain("--storage.tsdb.path=/prometheus");
  });

  it("take what the collector and Tempo send", () => {
    const { command } = compose.services.prometheus;
    expect(command).toContain("--web.enable-remote-write-receiver");
    expect(command).toContain("--enable-feature=exemplar-storage");
  });
});
