/**
 * The metrics of a node as plain numbers. What counts often holds its cell and adds to it; what can be
 * read off the node is read when somebody collects.
 */

import { Histogram } from "./histogram.ts";
import type { MetricDefinition } from "./semconv.ts";

export type MetricAttributes = Readonly<Record<string, string>>;

/** A number that only grows. */
export interface Counter {
  value: number;
}

export interface MetricPoint {
  readonly attributes: MetricAttributes;
  readonly value: number | Histogram;
}

export interface CollectedMetric {
  readonly definition: MetricDefinition;
  readonly points: readonly MetricPoint[];
}

/** Tells one value of a metric, with the values of its attributes in the definition's order. */
export type Report = (value: number, ...attributeValues: string[]) => void;

/** Combinations of attribute values that one metric keeps apart; further ones count together, as OpenTelemetry has it. */
const MAX_SERIES = 500;
const OVERFLOW: MetricAttributes = { "otel.metric.overflow": "true" };

/** The cells of one metric, by attribute values. */
export class Family<T> {
  readonly #definition: MetricDefinition;
  readonly #create: () => T;
  readonly #cells = new Map<string, { readonly attributes: MetricAttributes; readonly cell: T }>();

  constructor(definition: MetricDefinition, create: () => T) {
    this.#definition = definition;
    this.#create = create;
  }

  /** The cell for these attribute values, in the definition's order. Keep it where that is often. */
  at(...values: readonly string[]): T {
    const key = values.join("\0");
    const known = this.#cells.get(key);
    if (known !== undefined) return known.cell;
    const isFull = this.#cells.size >= MAX_SERIES;
    const attributes = isFull ? OVERFLOW : toAttributes(this.#definition, values);
    const overflow = isFull ? this.#cells.get("") : undefined;
    if (overflow !== undefined) return overflow.cell;
    const cell = this.#create();
    this.#cells.set(isFull ? "" : key, { attributes, cell });
    return cell;
  }

  points(toValue: (cell: T) => number | Histogram): MetricPoint[] {
    return Array.from(this.#cells.values(), ({ attributes, cell }) => ({
      attributes,
      value: toValue(cell),
    }));
  }
}

export class MetricSet {
  readonly #collectors = new Map<MetricDefinition, () => readonly MetricPoint[]>();

  /** A counter with attributes. */
  counters(definition: MetricDefinition): Family<Counter> {
    const family = new Family<Counter>(definition, () => ({ value: 0 }));
    this.#add(definition, () => family.points(({ value }) => value));
    return family;
  }

  /** A counter without attributes. */
  counter(definition: MetricDefinition): Counter {
    return this.counters(definition).at();
  }

  histograms(definition: MetricDefinition): Family<Histogram> {
    const family = new Family(definition, () => new Histogram(definition.boundaries));
    this.#add(definition, () => family.points((cell) => cell));
    return family;
  }

  histogram(definition: MetricDefinition): Histogram {
    return this.histograms(definition).at();
  }

  /** A gauge or counter that is read at each collection; values that are no finite number are left out. */
  observe(definition: MetricDefinition, read: (report: Report) => void): void {
    this.#add(definition, () => {
      const points: MetricPoint[] = [];
      read((value, ...values) => {
        if (Number.isFinite(value) && points.length < MAX_SERIES)
          points.push({ attributes: toAttributes(definition, values), value });
      });
      return points;
    });
  }

  /** All metrics that have a value now, in the order in which they were added. */
  collect(): CollectedMetric[] {
    const metrics: CollectedMetric[] = [];
    for (const [definition, collect] of this.#collectors) {
      const points = collect();
      if (points.length > 0) metrics.push({ definition, points });
    }
    return metrics;
  }

  #add(definition: MetricDefinition, collect: () => readonly MetricPoint[]): void {
    if (this.#collectors.has(definition))
      throw new RangeError(`Cannot add metric "${definition.name}": it is there already`);
    this.#collectors.set(definition, collect);
  }
}

function toAttributes(definition: MetricDefinition, values: readonly string[]): MetricAttributes {
  if (values.length !== definition.attributes.length) {
    throw new RangeError(
      `Cannot count "${definition.name}": it has ${definition.attributes.length} attributes, not ${values.length}`,
    );
  }
  return Object.fromEntries(definition.attributes.map((key, i) => [key, values[i]!]));
}
