/** Metrics as instruments of a user's meter, in place of a {@linkcode MetricSet}. Every series has the same further attributes. */

import type { Attributes, Histogram, Meter, Counter as MeterCounter } from "@opentelemetry/api";
import type { HistogramCell } from "./histogram.ts";
import { type Counter, type MetricCells, type Report, toAttributes } from "./metric_set.ts";
import type { MetricDefinition } from "./semconv.ts";
import { toContext } from "./trace_context.ts";

export class MeterCells implements MetricCells {
  readonly #meter: Meter;
  readonly #attributes: Attributes;
  readonly #ends: (() => void)[] = [];

  constructor(meter: Meter, attributes: Attributes) {
    this.#meter = meter;
    this.#attributes = attributes;
  }

  counters(definition: MetricDefinition): { at(...values: readonly string[]): Counter } {
    const { name, unit, description } = definition;
    const instrument = this.#meter.createCounter(name, { unit, description });
    return { at: (...values) => new CounterCell(instrument, this.#complete(definition, values)) };
  }

  counter(definition: MetricDefinition): Counter {
    return this.counters(definition).at();
  }

  histogram(definition: MetricDefinition): HistogramCell {
    const { name, unit, description, boundaries } = definition;
    const advice = { explicitBucketBoundaries: [...boundaries] };
    const instrument = this.#meter.createHistogram(name, { unit, description, advice });
    return new MeterHistogramCell(instrument, this.#complete(definition, []));
  }

  observe(definition: MetricDefinition, read: (report: Report) => void): void {
    const { name, unit, description, type } = definition;
    const instrument =
      type === "counter"
        ? this.#meter.createObservableCounter(name, { unit, description })
        : this.#meter.createObservableGauge(name, { unit, description });
    const callback: Parameters<typeof instrument.addCallback>[0] = (result) =>
      read((value, ...values) => {
        if (Number.isFinite(value)) result.observe(value, this.#complete(definition, values));
      });
    instrument.addCallback(callback);
    this.#ends.push(() => instrument.removeCallback(callback));
  }

  /** Reads nothing more at collections. Counters and histograms keep what they have. */
  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #complete(definition: MetricDefinition, values: readonly string[]): Attributes {
    return { ...toAttributes(definition, values), ...this.#attributes };
  }
}

class CounterCell implements Counter {
  readonly #instrument: MeterCounter;
  readonly #attributes: Attributes;
  #value = 0;

  constructor(instrument: MeterCounter, attributes: Attributes) {
    this.#instrument = instrument;
    this.#attributes = attributes;
  }

  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    this.#instrument.add(value - this.#value, this.#attributes);
    this.#value = value;
  }
}

class MeterHistogramCell implements HistogramCell {
  readonly #instrument: Histogram;
  readonly #attributes: Attributes;

  constructor(instrument: Histogram, attributes: Attributes) {
    this.#instrument = instrument;
    this.#attributes = attributes;
  }

  record(value: number): void {
    this.#instrument.record(toKnown(value), this.#attributes);
  }

  recordTraced(value: number, traceContext: Uint8Array): void {
    this.#instrument.record(toKnown(value), this.#attributes, toContext(traceContext));
  }
}

function toKnown(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(0, value);
}
