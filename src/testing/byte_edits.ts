/** Random damage to bytes, for fuzzing. */

import fc from "fast-check";

/** One change of a byte string; `at` is a position in it as a fraction, 0 <= at < 1. */
interface Edit {
  readonly type: "flip" | "set" | "insert" | "remove" | "cut" | "repeat";
  readonly at: number;
  readonly value: number;
  readonly length: number;
}

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** Bytes that are special in varints and lengths are frequent. */
const value = fc.oneof(fc.constantFrom(0, 1, 2, 127, 128, 255), fc.nat(255));

const edit: fc.Arbitrary<Edit> = fc.record({
  type: fc.constantFrom("flip", "set", "insert", "remove", "cut", "repeat"),
  at: place,
  value,
  length: fc.integer({ min: 1, max: 12 }),
});

/** One to four changes. */
export const edits = fc.array(edit, { minLength: 1, maxLength: 4 });

/** Returns a changed copy. */
export function applyEdits(bytes: Uint8Array, changes: readonly Edit[]): Uint8Array<ArrayBuffer> {
  let result = Uint8Array.from(bytes);
  for (const { type, at, value, length } of changes) {
    const index = Math.floor(at * result.length);
    const before = result.subarray(0, index);
    if (type === "insert") {
      result = join(before, new Uint8Array(length).fill(value), result.subarray(index));
    } else if (type === "remove") {
      result = join(before, result.subarray(index + length));
    } else if (type === "cut") {
      result = join(before);
    } else if (type === "repeat") {
      const piece = result.subarray(index, index + length);
      result = join(before, piece, piece, result.subarray(index + length));
    } else if (index < result.length) {
      result[index] = type === "set" ? value : result[index]! ^ (1 << (value % 8));
    }
  }
  return result;
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
