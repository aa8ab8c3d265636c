/**
 * Sends each query of each dashboard to a running Prometheus, Loki and Tempo, and prints one line per result:
 * `PROMETHEUS_URL=… LOKI_URL=… TEMPO_URL=… node src/testing/stack/print_results.ts [node]`.
 * Exit code 1 if a result is an error or empty.
 */

import { fillVariables, type PanelQuery, panelQueries } from "../panel_queries.ts";

const {
  PROMETHEUS_URL = "http://127.0.0.1:9090",
  LOKI_URL = "http://127.0.0.1:3100",
  TEMPO_URL = "http://127.0.0.1:3200",
} = process.env;
const RANGE_S = 900;

/** A result: the number of items, and the first one as a short text. */
interface Answer {
  readonly count: number;
  readonly first: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the bodies of three other programs
type Json = any;

async function get(url: string, parameters: Record<string, string>): Promise<Json> {
  const response = await fetch(`${url}?${new URLSearchParams(parameters)}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200).trim()}`);
  return JSON.parse(text);
}

async function askPrometheus(query: string): Promise<Answer> {
  const { data } = await get(`${PROMETHEUS_URL}/api/v1/query`, { query });
  const found = data.result.filter(({ value }: Json) => Number.isFinite(Number(value[1])));
  return { count: found.length, first: found.length === 0 ? "" : describe(found[0]) };
}

function describe({ metric, value }: Json): string {
  const labels = Object.entries(metric).map(([name, text]) => `${name}=${text}`);
  return `${labels.join(" ")} ${Number(Number(value[1]).toPrecision(4))}`.trim();
}

async function askLoki(query: string): Promise<Answer> {
  const end = Date.now();
  const { data } = await get(`${LOKI_URL}/loki/api/v1/query_range`, {
    query,
    start: `${(end - RANGE_S * 1000) * 1e6}`,
    end: `${end * 1e6}`,
    limit: "200",
    step: "20s",
  });
  const [first] = data.result;
  const values = data.result.flatMap((stream: Json) => stream.values);
  return {
    count: values.length,
    first: first === undefined ? "" : String(first.values[0][1]).slice(0, 80),
  };
}

async function askTempo(query: string): Promise<Answer> {
  const now = Math.floor(Date.now() / 1000);
  const { traces = [] } = await get(`${TEMPO_URL}/api/search`, {
    q: query,
    start: `${now - RANGE_S}`,
    end: `${now}`,
    limit: "20",
    spss: "3",
  });
  const [first] = traces;
  return {
    count: traces.length,
    first:
      first === undefined
        ? ""
        : `${first.traceID} ${first.rootServiceName} "${first.rootTraceName}" ${first.durationMs ?? 0} ms`,
  };
}

const ASK = { promql: askPrometheus, logql: askLoki, traceql: askTempo } as const;

async function print(query: PanelQuery, node: string): Promise<boolean> {
  const values = { node, rateInterval: "20s", range: `${RANGE_S}s` };
  try {
    const { count, first } = await ASK[query.language](fillVariables(query.text, values));
    const shown = count === 0 ? "EMPTY" : `${count} × ${first}`;
    process.stdout.write(`${query.language.padEnd(7)} ${query.where}: ${shown}\n`);
    return count > 0;
  } catch (error) {
    process.stdout.write(`${query.language.padEnd(7)} ${query.where}: ERROR ${error}\n`);
    return false;
  }
}

const node = process.argv[2] ?? ".+";
let isWhole = true;
for (const query of panelQueries()) isWhole = (await print(query, node)) && isWhole;
process.exitCode = isWhole ? 0 : 1;
