import { createNoopMeter, trace } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { createContext } from "../testing/span_recorder.ts";
import { MeterCells } from "./meter_cells.ts";
import { METRIC_HTTP_ACTIVE, METRIC_QUEUE_WAIT } from "./semconv.ts";

describe("MeterCells", () => {
  it("records histograms with the span that a value belongs to; NaN and negative values as 0", () => {
    const meter = createNoopMeter();
    const recorded: unknown[] = [];
    meter.createHistogram = () => ({
      record: (value, attributes, context) =>
        recorded.push([value, attributes, context && trace.getSpanContext(context)?.traceId]),
    });
    const histogram = new MeterCells(meter, { "machine.id": "m" }).histogram(METRIC_QUEUE_WAIT);
    histogram.record(2);
    histogram.record(-1);
    histogram.record(Number.NaN);
    histogram.recordTraced(3, createContext(7), 0);
    histogram.recordTraced(-1, createContext(8), 0);
    const attributes = { "machine.id": "m" };
    expect(recorded).toEqual([
      [2, attributes, undefined],
      [0, attributes, undefined],
      [0, attributes, undefined],
      [3, attributes, "07".repeat(16)],
      [0, attributes, "08".repeat(16)],
    ]);
  });

  it("leaves out values that are not finite", () => {
    const meter = createNoopMeter();
    const observed: number[] = [];
    meter.createObservableGauge = () => ({
      addCallback: (callback) => void callback({ observe: (value) => observed.push(value) }),
      removeCallback: () => {},
    });
    const values = [1, Number.POSITIVE_INFINITY, Number.NaN, 2];
    new MeterCells(meter, {}).observe(METRIC_HTTP_ACTIVE, (report) => {
      for (const value of values) report(value);
    });
    expect(observed).toEqual([1, 2]);
  });
});
