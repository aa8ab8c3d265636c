/**
 * A replica built only from SPEC.md and the messages of a stock Connect client: it shares no code with
 * src/replication, so that it shows whether the wire matches the SPEC.
 */

import { toBinary } from "@bufbuild/protobuf";
import {
  type Schema,
  SchemaSchema,
  type Start,
  type SubscribeResponse,
} from "../../gen/connect/statesource/v1/statesource_pb.js";

const WORD = 2n ** 32n;

interface StockSelection {
  readonly names?: readonly string[];
  readonly prefixes?: readonly string[];
}

export class StockReplica {
  epoch: Uint8Array = new Uint8Array(0);
  seq = 0n;
  path: readonly string[] = [];
  names: readonly string[] = [];
  ticks: bigint[] = [];
  schemaHash: Uint8Array = new Uint8Array(0);

  readonly #selection: StockSelection | undefined;

  /** `selection` is the requested one, its names and prefixes in order. */
  constructor(selection?: StockSelection) {
    this.#selection = selection;
  }

  /** Applies a message of the stream. Throws an `Error` if the checksum does not prove the resulting clock. */
  apply(message: SubscribeResponse): "start" | "diff" | "heartbeat" {
    const { start, changes } = message;
    if (start !== undefined) {
      this.epoch = start.epoch;
      this.path = start.path;
      if (start.schema !== undefined) {
        this.names = readNames(start.schema);
        this.schemaHash = hashOf(start.schema);
      }
      if (start.isSnapshot) this.ticks = [...start.ticks];
      const seal = sealStart(start, this.schemaHash, this.#selection);
      if (seal !== start.checksum)
        throw new Error(`Cannot prove the start: checksum is ${seal}, not ${start.checksum}`);
    }
    for (let index = -1, i = 0; i < changes.length; i += 2) {
      index += Number(changes[i]) + 1;
      this.ticks[index] = changes[i + 1]!;
    }
    this.seq = message.seq;
    const checksum = (checksumOf(this.ticks) + sealMessage(message, this.epoch)) % 2 ** 32;
    if (checksum !== message.checksum) {
      throw new Error(
        `Cannot prove the clock at seq ${message.seq}: checksum is ${checksum}, not ${message.checksum}`,
      );
    }
    return start !== undefined ? "start" : changes.length > 0 ? "diff" : "heartbeat";
  }

  activeStates(): string[] {
    return this.names.filter((_, index) => this.ticks[index]! % 2n === 1n);
  }
}

/** SPEC.md, "Checksum", in integers of any size. */
export function checksumOf(ticks: readonly bigint[]): number {
  let sum = 0n;
  ticks.forEach((tick, index) => {
    let h =
      ((BigInt(index + 1) * 0x9e3779b1n) % WORD) ^
      (((tick % WORD) * 0x85ebca6bn) % WORD) ^
      ((tick / WORD) % WORD);
    h = ((h ^ (h >> 16n)) * 0x21f0aaadn) % WORD;
    h = ((h ^ (h >> 15n)) * 0x735a2d97n) % WORD;
    sum += h ^ (h >> 15n);
  });
  return Number(sum % WORD);
}

/** SPEC.md, "Seal", of a message. */
function sealMessage(message: SubscribeResponse, epoch: Uint8Array): number {
  const { seq, wallDeltaMs, sentAfterMs, ageMs, isDraining } = message;
  const numbers = [seq, wallDeltaMs, wallDeltaMs + sentAfterMs, ageMs].flatMap(toWords);
  return sealOf([...toBigWords(epoch), ...numbers, isDraining ? 1n : 0n]);
}

/** SPEC.md, "Seal", of a start. */
function sealStart(
  start: Start,
  schemaHash: Uint8Array,
  selection: StockSelection | undefined,
): number {
  const { names = [], prefixes = [] } = selection ?? {};
  return sealOf([
    ...toBigWords(start.epoch),
    ...toWords(start.wallTimeMs),
    ...toWords(BigInt(start.heartbeatIntervalMs)),
    start.isSnapshot ? 1n : 0n,
    ...toBigWords(schemaHash),
    ...[start.machineId, ...start.path].flatMap(toText),
    ...(selection === undefined
      ? []
      : [
          BigInt(names.length),
          ...names.flatMap(toText),
          BigInt(prefixes.length),
          ...prefixes.flatMap(toText),
        ]),
  ]);
}

/** The length in bytes, then the bytes. */
function toText(text: string): bigint[] {
  const bytes = new TextEncoder().encode(text);
  return [bytes.length, ...bytes].map(BigInt);
}

function sealOf(words: readonly bigint[]): number {
  let h = 0x811c9dc5n;
  for (const word of words) {
    h = ((h ^ word) * 0x21f0aaadn) % WORD;
    h ^= h >> 15n;
  }
  return Number(h);
}

/** The low and the high 32 bits, in two's complement. */
function toWords(value: bigint): [bigint, bigint] {
  return [BigInt.asUintN(32, value), BigInt.asUintN(32, value >> 32n)];
}

function toBigWords(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => BigInt(view.getUint32(4 * i)));
}

function readNames({ shared, suffixes }: Schema): string[] {
  let before = "";
  return suffixes.map((suffix, index) => {
    before = before.slice(0, shared[index]) + suffix;
    return before;
  });
}

/** SPEC.md, "Schema hash". */
function hashOf(schema: Schema): Uint8Array {
  const bytes = toBinary(SchemaSchema, schema);
  let first = 0x811c9dc5n;
  let second = 0x811c9dc5n ^ BigInt(bytes.length);
  for (const byte of bytes) {
    first = ((first ^ BigInt(byte)) * 0x01000193n) % WORD;
    second = ((second ^ BigInt(255 - byte)) * 0x01000193n) % WORD;
    second ^= second >> 13n;
  }
  const hash = new Uint8Array(8);
  new DataView(hash.buffer).setBigUint64(0, first * WORD + second);
  return hash;
}
