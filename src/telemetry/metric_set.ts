/**
 * The metrics of a node as plain numbers. Code on a hot path keeps a cell and adds to it; values that the
 * node holds anyway are read at each collection.
 */

import { Histogram, type HistogramCell } from "./histogram.ts";
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

/** Receives one value of a metric and the values of its attributes, in the definition's order. */
export type Report = (value: number, ...attributeValues: string[]) => void;

/** What code that measures needs: a {@linkcode MetricSet}, or the instruments of a user's meter. */
export interface MetricCells {
  counters(definition: MetricDefinition): { at(...values: readonly string[]): Counter };
  counter(definition: MetricDefinition): Counter;
  histogram(definition: MetricDefinition): HistogramCell;
  observe(definition: MetricDefinition, read: (report: Report) => void): void;
}

/** Most series of one metric; further attribute values share an overflow series, as OpenTelemetry specifies. */
const MAX_SERIES = 500;
const OVERFLOW: MetricAttributes = { "otel.metric.overflow": "true" };

interface Series<T> {
  readonly attributes: MetricAttributes;
  readonly cell: T;
}

/** The cells of one metric, by attribute values. */
export class Family<T extends Counter | Histogram> {
  readonly #definition: MetricDefinition;
  readonly #create: () => T;
  readonly #cells = new Map<string, Series<T>>();

  constructor(definition: MetricDefinition, create: () => T) {
    this.#definition = definition;
    this.#create = create;
  }

  /** Returns the cell for these attribute values, in the definition's order. Code on a hot path keeps it. */
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

  points(): MetricPoint[] {
    const toPoint = ({ attributes, cell }: Series<Counter | Histogram>) => ({
      attributes,
      value: cell instanceof Histogram ? cell : cell.value,
    });
    return Array.from(this.#cells.values(), toPoint);
  }
}

export class MetricSet implements MetricCells {
  readonly #collectors = new Map<MetricDefinition, () => readonly MetricPoint[]>();

  /** A counter with attributes. */
  counters(definition: MetricDefinition): Family<Counter> {
    return this.#addFamily<Counter>(definition, () => ({ value: 0 }));
  }

  /** A counter without attributes. */
  counter(definition: MetricDefinition): Counter {
    return this.counters(definition).at();
  }

  histograms(definition: MetricDefinition): Family<Histogram> {
    return this.#addFamily(definition, () => new Histogram(definition.boundaries));
  }

  histogram(definition: MetricDefinition): Histogram {
    return this.histograms(definition).at();
  }

  /** A gauge or counter that is read at each collection; values that are not finite are left out. */
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

  /** Returns all metrics that have a value now, in the order of their creation. */
  collect(): CollectedMetric[] {
    const metrics: CollectedMetric[] = [];
    for (const [definition, collect] of this.#collectors) {
      const points = collect();
      if (points.length > 0) metrics.push({ definition, points });
    }
    return metrics;
  }

  #addFamily<T extends Counter | Histogram>(definition: MetricDefinition, create: () => T) {
    const family = new Family(definition, create);
    this.#add(definition, () => family.points());
    return family;
  }

  #add(definition: MetricDefinition, collect: () => readonly MetricPoint[]): void {
    if (this.#collectors.has(definition))
      throw new RangeError(`Cannot add metric "${definition.name}": it already exists`);
    this.#collectors.set(definition, collect);
  }
}

/** Throws `RangeError` unless there is one value for each attribute of the definition. */
export function toAttributes(
  definition: MetricDefinition,
  values: readonly string[],
): MetricAttributes {
  if (values.length !== definition.attributes.length) {
    throw new RangeError(
      `Cannot count "${definition.name}": it has ${definition.attributes.length} attributes, not ${values.length}`,
    );
  }
  return Object.fromEntries(definition.attributes.map((key, i) => [key, values[i]!]));
}
