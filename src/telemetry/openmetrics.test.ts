import { describe, expect, it } from "vitest";
import { createContext } from "../testing/span_recorder.ts";
import type { MetricSet } from "./metric_set.ts";
import { METRIC_LAG, METRIC_PUSHES, METRIC_SEQ, METRIC_TRANSITION_DURATION } from "./semconv.ts";
import { startTelemetry } from "./setup.ts";

const ACCEPT =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

async function render(fill: (metrics: MetricSet) => void, accept?: string) {
  const backend = await startTelemetry({
    env: {},
    node: { name: "root", role: "root", version: "0", parents: [] },
    onProblem: () => {},
  });
  fill(backend.metrics);
  const rendered = backend.renderMetrics(accept);
  await backend.shutdown();
  return { ...rendered, lines: rendered.body.split("\n") };
}

describe("OpenMetrics", () => {
  it("is the format if the Accept header names it", async () => {
    const fill = (metrics: MetricSet) => {
      metrics.counter({ ...METRIC_SEQ, type: "counter" });
    };
    expect((await render(fill, ACCEPT)).contentType).toBe(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    for (const accept of [undefined, "text/plain", "*/*"])
      expect((await render(fill, accept)).contentType).toMatch(/^text\/plain; version=0.0.4/);
  });

  it("names a counter's family without _total, ends with EOF, and has no empty line", async () => {
    const { lines } = await render((metrics) => {
      metrics.counters(METRIC_PUSHES).at("diff").value = 3;
      metrics.observe(METRIC_SEQ, (report) => report(7));
    }, ACCEPT);
    expect(lines).toContain("# TYPE replication_pushes counter");
    expect(lines).toContain("# TYPE replication_seq gauge");
    expect(lines.find((line) => line.startsWith("replication_pushes_total{"))).toMatch(/ 3$/);
    expect(lines.slice(-2)).toEqual(["# EOF", ""]);
    expect(lines.slice(0, -1)).not.toContain("");
    expect(lines.filter((line) => line.startsWith("# UNIT"))).toEqual([]);
  });

  it("has an exemplar only on the bucket of a traced value", async () => {
    const { lines } = await render((metrics) => {
      metrics.histogram(METRIC_LAG).record(0.002);
      const durations = metrics.histogram(METRIC_TRANSITION_DURATION);
      durations.record(0.3);
      durations.recordTraced(0.0004, createContext(0xab), 1_767_225_600_123);
    }, ACCEPT);
    const withExemplar = lines.filter((line) => line.includes(" # "));
    expect(withExemplar).toHaveLength(1);
    expect(withExemplar[0]).toMatch(
      /^machine_transition_duration_bucket\{.*le="0.0005"\} 1 # \{trace_id="(ab){16}",span_id="(ab){8}"\} 0.0004 1767225600.123$/,
    );
    const limits = lines.flatMap((line) => [...line.matchAll(/le="([^"]+)"/g)].map(([, le]) => le));
    expect(limits).toContain("1.0");
    expect(limits).not.toContain("1");
    expect(limits).toContain("+Inf");
  });
});
