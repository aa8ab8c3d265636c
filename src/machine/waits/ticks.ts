/** The type of a clock that callers may read, and not write. */

/** Ticks in index order, of a `Float64Array` that callers only read. */
export type Ticks = Omit<Float64Array, TickWriters | number> & { readonly [index: number]: number };

type TickWriters = "buffer" | "copyWithin" | "fill" | "reverse" | "set" | "sort" | "subarray";
