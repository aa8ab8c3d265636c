import { describe, expect, it } from "vitest";
import { createSpanRecorder, readMetrics } from "../testing/span_recorder.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { HttpTelemetry } from "./http_telemetry.ts";
import { MetricSet } from "./metric_set.ts";
import { fromSpanContext } from "./trace_context.ts";
import { Tracing } from "./tracing.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function setUp(options: { keepsRoots?: boolean; traces?: boolean } = {}) {
  const { keepsRoots = true, traces = true } = options;
  const time = new VirtualTime();
  const recorder = createSpanRecorder(keepsRoots);
  const metrics = new MetricSet();
  const http = new HttpTelemetry({
    metrics,
    time,
    tracing: traces ? new Tracing(recorder.tracers, time) : undefined,
  });
  const begin = (path: string, route: string | undefined, init?: RequestInit) =>
    http.onRequest({ request: new Request(`http://127.0.0.1:1${path}`, init), route });
  return { time, recorder, metrics, begin };
}

describe("HttpTelemetry", () => {
  it("measures requests by method, route and status, and counts those under way", async () => {
    const { time, metrics, begin } = setUp();
    const request = begin("/states/A?x=1", "/states/:name");
    const strange = begin("/nowhere", undefined, { method: "PURGE" });
    expect(readMetrics(metrics)).toEqual({ "http.server.active_requests": 2 });
    await time.advance(20);
    request.end({ status: 200 });
    strange.end({ status: 404 });
    expect(readMetrics(metrics)).toEqual({
      "http.server.request.duration GET /states/:name 200": { count: 1, sum: 0.02 },
      "http.server.request.duration _OTHER  404": { count: 1, sum: 0.02 },
    });
  });

  it("makes a SERVER span under the caller's, and hands its context on", async () => {
    const { recorder, time, begin } = setUp({ keepsRoots: false });
    const headers = { traceparent: TRACEPARENT };
    const request = begin("/mutations", "/mutations", { method: "POST", headers });
    await time.advance(20);
    request.end({ status: 200 });
    const [span] = recorder.spans;
    expect(span).toMatchObject({
      name: "POST /mutations",
      parentSpanContext: { spanId: "b7ad6b7169203331" },
      duration: [0, 20_000_000],
      status: { code: 0 },
      attributes: {
        "http.request.method": "POST",
        "http.route": "/mutations",
        "url.path": "/mutations",
        "url.scheme": "http",
        "http.response.status_code": 200,
      },
    });
    expect(request.traceContext).toEqual(fromSpanContext(span!.spanContext()));
  });

  it("takes a traceparent that is not valid for none", () => {
    const { recorder, begin } = setUp({ keepsRoots: false });
    const headers = { traceparent: "00-zz-1-01" };
    begin("/states", "/states", { headers }).end({ status: 200 });
    expect(recorder.spans).toEqual([]);
    const kept = setUp();
    kept.begin("/states", "/states", { headers }).end({ status: 200 });
    expect(kept.recorder.spans).toMatchObject([{ parentSpanContext: undefined }]);
  });

  it("passes the decision not to keep a mutation's trace on, so that nobody upstream decides anew", () => {
    const { recorder, begin } = setUp({ keepsRoots: false });
    const contexts = [1, 2].map(
      () => begin("/mutations", "/mutations", { method: "POST" }).traceContext!,
    );
    expect(contexts.map((context) => [context.length, context[24]])).toEqual([
      [25, 0],
      [25, 0],
    ]);
    expect(contexts[0]).not.toEqual(contexts[1]);
    expect(begin("/states", "/states").traceContext).toBeUndefined();
    expect(recorder.spans).toEqual([]);
  });

  it("marks answers from 500 on as failed", () => {
    const { recorder, begin } = setUp();
    begin("/states", "/states").end({ status: 500, error: new Error("broken") });
    begin("/states", "/states").end({ status: 404 });
    expect(recorder.spans[0]).toMatchObject({
      status: { code: 2, message: "Error: broken" },
      attributes: { "error.type": "500" },
    });
    expect(recorder.spans[1]).toMatchObject({ status: { code: 0 } });
  });

  it("begins no trace where machines ask all the time, but goes on with one", () => {
    const { recorder, begin } = setUp();
    for (const path of ["/metrics", "/healthz", "/readyz"]) begin(path, path).end({ status: 200 });
    expect(recorder.spans).toEqual([]);
    begin("/readyz", "/readyz", { headers: { traceparent: TRACEPARENT } }).end({ status: 200 });
    expect(recorder.spans).toHaveLength(1);
  });

  it("has neither span nor duration for streams, and no second span for replication", () => {
    const { recorder, metrics, begin } = setUp();
    const subscribe = "/statesource.v1.StateSourceService/Subscribe";
    const mutate = "/statesource.v1.StateSourceService/Mutate";
    for (const path of ["/states/stream", subscribe, mutate])
      begin(path, path).end({ status: 200 });
    expect(recorder.spans).toEqual([]);
    expect(Object.keys(readMetrics(metrics))).toEqual([
      `http.server.request.duration GET ${mutate} 200`,
    ]);
  });

  it("measures without tracing as well", () => {
    const { metrics, begin } = setUp({ traces: false });
    const request = begin("/states", "/states");
    expect(request.traceContext).toBeUndefined();
    request.end({ status: 200 });
    expect(Object.keys(readMetrics(metrics))).toHaveLength(1);
  });
});
