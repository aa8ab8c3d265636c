/** Reads protobuf by a table of fields: independent of the library that encodes it, and exact for 64 bits. */

export type FieldType =
  | "string"
  | "bytes"
  | "bool"
  | "int32"
  | "int64"
  | "fixed32"
  | "fixed64"
  | "double";

/** Field number to name, type (a scalar, or the name of a message) and, in brackets, whether it repeats. */
export type MessageTable = Readonly<
  Record<number, readonly [name: string, type: string, repeated?: true]>
>;
export type Tables = Readonly<Record<string, MessageTable>>;

/**
 * The message as a plain object: 64-bit numbers as decimal digits, bytes as hex digits, unset fields left
 * out. Throws for bytes that are not such a message.
 */
export function readMessage(
  bytes: Uint8Array,
  type: string,
  tables: Tables,
): Record<string, unknown> {
  const table = tables[type];
  if (table === undefined) throw new RangeError(`Cannot read "${type}": it has no table`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const message: Record<string, unknown> = {};
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError(`Cannot read "${type}": it is cut short`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [name, fieldType, repeated] = table[tag >>> 3] ?? [undefined, "", undefined];
    const value = readValue(tag & 7, fieldType, { view, at: () => at, varint, take }, tables);
    if (name === undefined) continue;
    const before = message[name] as unknown[] | undefined;
    message[name] = repeated ? [...(before ?? []), value] : value;
  }
  return message;
}

interface Input {
  readonly view: DataView;
  readonly at: () => number;
  readonly varint: () => bigint;
  readonly take: (length: number) => Uint8Array;
}

function readValue(wireType: number, fieldType: string, input: Input, tables: Tables): unknown {
  const at = input.at();
  if (wireType === 0) {
    const value = input.varint();
    if (fieldType === "bool") return value !== 0n;
    return fieldType === "int64" ? String(BigInt.asIntN(64, value)) : Number(value);
  }
  if (wireType === 1) {
    input.take(8);
    return fieldType === "double"
      ? input.view.getFloat64(at, true)
      : String(input.view.getBigUint64(at, true));
  }
  if (wireType === 5) {
    input.take(4);
    return input.view.getUint32(at, true);
  }
  if (wireType !== 2) throw new RangeError(`Cannot read wire type ${wireType}`);
  const bytes = input.take(Number(input.varint()));
  if (fieldType === "string") return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  if (fieldType === "bytes" || fieldType === "") return toHex(bytes);
  return readMessage(bytes, fieldType, tables);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
