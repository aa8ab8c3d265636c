import { afterEach, describe, expect, it } from "vitest";
import type { GcType } from "../telemetry/mod.ts";
import { createProcessMeter } from "./process_meter.ts";

describe("createProcessMeter()", () => {
  const meters: { close(): void }[] = [];

  afterEach(() => {
    for (const meter of meters.splice(0)) meter.close();
  });

  function start() {
    const meter = createProcessMeter();
    meters.push(meter);
    return meter;
  }

  it("reads memory, CPU time and uptime in bytes and seconds", () => {
    const { uptimeSeconds, memoryBytes, heapUsedBytes, heapLimitBytes, ...rest } = start().read();
    const { rss, heapUsed } = process.memoryUsage();
    expect(uptimeSeconds).toBeCloseTo(process.uptime(), 0);
    expect(memoryBytes / rss).toBeCloseTo(1, 0);
    expect(heapUsedBytes! / heapUsed).toBeCloseTo(1, 0);
    expect(heapLimitBytes).toBeGreaterThan(heapUsedBytes!);
    const { user, system } = process.cpuUsage();
    expect(rest.cpuUserSeconds).toBeGreaterThan(0);
    expect(rest.cpuUserSeconds).toBeLessThanOrEqual(user / 1e6);
    expect(rest.cpuSystemSeconds).toBeLessThanOrEqual(system / 1e6);
  });

  it("reads the event loop as a fraction and seconds, never below 0", () => {
    const { eventLoop } = start().read();
    expect(eventLoop!.utilization).toBeGreaterThanOrEqual(0);
    expect(eventLoop!.utilization).toBeLessThanOrEqual(1);
    const { delayP50Seconds, delayP99Seconds, delayMaxSeconds } = eventLoop!;
    expect(delayP50Seconds).toBeGreaterThanOrEqual(0);
    expect(delayP99Seconds).toBeGreaterThanOrEqual(delayP50Seconds);
    expect(delayMaxSeconds).toBeGreaterThanOrEqual(delayP99Seconds);
    expect(delayMaxSeconds).toBeLessThan(60);
  });

  it("returns the same reading to all metrics of one collection", () => {
    const meter = start();
    expect(meter.read()).toBe(meter.read());
  });

  it("reports garbage collections by type, in seconds", async () => {
    const meter = start();
    const told = new Promise<[GcType, number]>((resolve) =>
      meter.onGc((type, seconds) => resolve([type, seconds])),
    );
    // Enough short-lived objects for a minor collection.
    let kept: unknown;
    const timer = setInterval(() => {
      for (let i = 0; i < 200_000; i++) kept = { i, kept: undefined };
    }, 0);
    const [type, seconds] = await told;
    clearInterval(timer);
    expect(kept).toBeDefined();
    expect(["minor", "major", "incremental", "weakcb"]).toContain(type);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(10);
  });
});
