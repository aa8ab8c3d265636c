import { describe, expect, it } from "vitest";
import { readMetrics } from "../testing/span_recorder.ts";
import { createTelemetryServices } from "../testing/telemetry_services.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { HttpTelemetry } from "./http_telemetry.ts";
import { fromSpanContext } from "./trace_context.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function setUp(options: { keepsRoots?: boolean; traces?: boolean } = {}) {
  const time = new VirtualTime();
  const services = createTelemetryServices(time, { keepsRoots: true, ...options });
  const { recorder, metrics } = services;
  const http = new HttpTelemetry(services);
  const begin = (path: string, route: string | undefined, init?: RequestInit) =>
    http.onRequest({ request: new Request(`http://127.0.0.1:1${path}`, init), route });
  return { time, recorder, metrics, begin };
}

describe("HttpTelemetry", () => {
  it("measures requests by method, route and status, and counts those in progress", async () => {
    const { time, metrics, begin } = setUp();
    const request = begin("/states/A?x=1", "/states/:name");
    const unknown = begin("/nowhere", undefined, { method: "PURGE" });
    expect(readMetrics(metrics)).toEqual({ "http.server.active_requests": 2 });
    await time.advance(20);
    request.end({ status: 200 });
    unknown.end({ status: 404 });
    expect(readMetrics(metrics)).toEqual({
      "http.server.request.duration GET /states/:name 200": { count: 1, sum: 0.02 },
      "http.server.request.duration _OTHER  404": { count: 1, sum: 0.02 },
    });
  });

  it("makes a SERVER span as a child of the caller's, and returns its trace context", async () => {
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

  it("treats an invalid traceparent as absent", () => {
    const { recorder, begin } = setUp({ keepsRoots: false });
    const headers = { traceparent: "00-zz-1-01" };
    begin("/states", "/states", { headers }).end({ status: 200 });
    expect(recorder.spans).toEqual([]);
    const kept = setUp();
    kept.begin("/states", "/states", { headers }).end({ status: 200 });
    expect(kept.recorder.spans).toMatchObject([{ parentSpanContext: undefined }]);
  });

  it("passes on the decision not to keep a mutation's trace, so that no node upstream decides again", () => {
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

  it("marks responses with status 500 or higher as failed", () => {
    const { recorder, begin } = setUp();
    begin("/states", "/states").end({ status: 500, error: new Error("broken") });
    begin("/states", "/states").end({ status: 404 });
    expect(recorder.spans[0]).toMatchObject({
      status: { code: 2, message: "Error: broken" },
      attributes: { "error.type": "500" },
    });
    expect(recorder.spans[1]).toMatchObject({ status: { code: 0 } });
  });

  it("begins no trace on routes that machines poll, but continues one", () => {
    const { recorder, begin } = setUp();
    for (const path of ["/metrics", "/healthz", "/readyz"]) begin(path, path).end({ status: 200 });
    expect(recorder.spans).toEqual([]);
    begin("/readyz", "/readyz", { headers: { traceparent: TRACEPARENT } }).end({ status: 200 });
    expect(recorder.spans).toHaveLength(1);
  });

  it("makes neither span nor duration for streams, and no span for replication", () => {
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

  it("measures requests without tracing", () => {
    const { metrics, begin } = setUp({ traces: false });
    const request = begin("/states", "/states");
    expect(request.traceContext).toBeUndefined();
    request.end({ status: 200 });
    expect(Object.keys(readMetrics(metrics))).toHaveLength(1);
  });
});
