import { describe, expect, it } from "vitest";
import { readMetrics } from "../testing/span_recorder.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { ExportWatch } from "./export_watch.ts";
import { MetricSet } from "./metric_set.ts";

function setUp() {
  const time = new VirtualTime();
  const metrics = new MetricSet();
  const problems: string[] = [];
  const watch = new ExportWatch(metrics, time, (message, fields) =>
    problems.push(`${message} ${Object.values(fields).join(" ")}`),
  );
  return { time, metrics, problems, watch };
}

describe("ExportWatch", () => {
  it("counts items by signal and result, and reports each failure and recovery of a signal once", () => {
    const { metrics, problems, watch } = setUp();
    watch.start("traces")(3, undefined);
    for (const reason of ["refused", "refused again"]) watch.start("traces")(2, new Error(reason));
    watch.start("logs")(1, undefined);
    watch.start("traces")(5, undefined);
    expect(readMetrics(metrics)).toEqual({
      "telemetry.exported traces ok": 8,
      "telemetry.exported traces failed": 4,
      "telemetry.exported logs ok": 1,
    });
    expect(problems).toEqual([
      "telemetry export failed traces refused",
      "telemetry export recovered traces",
    ]);
  });

  it("considers a collector stuck while it fails or has not responded for a second", async () => {
    const { time, watch } = setUp();
    expect(watch.isStuck).toBe(false);
    const end = watch.start("logs");
    await time.advance(1_000);
    expect(watch.isStuck).toBe(false);
    await time.advance(1);
    expect(watch.isStuck).toBe(true);
    end(1, undefined);
    expect(watch.isStuck).toBe(false);
    watch.start("logs")(1, new Error("refused"));
    expect(watch.isStuck).toBe(true);
  });
});
