import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statesource } from "../../../gen/statesource.js";
import { schema as flights, stateNames } from "../../flights/mod.ts";
import { createMachine, type Schema } from "../../machine/mod.ts";
import { ReplicationError } from "../clock/errors.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import { fromWireSchema, hashSchema, schemaHash, toWireSchema } from "./schema_codec.ts";

const name = fc.string({ minLength: 1, maxLength: 12, unit: "binary" });

/** Schemas with relations to known and, in Require, unknown states. */
const schemas = fc.uniqueArray(name, { minLength: 1, maxLength: 12 }).chain((names) => {
  const list = fc.array(fc.constantFrom(...names), { maxLength: 4 });
  const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const state = fc.record({
    auto: optional(fc.constant(true)),
    multi: optional(fc.constant(true)),
    require: optional(
      fc.array(fc.oneof(fc.constantFrom(...names), fc.constant("Nowhere")), { maxLength: 3 }),
    ),
    add: optional(list),
    remove: optional(list),
    after: optional(list),
    tags: optional(fc.array(name, { maxLength: 2 })),
  });
  return fc.tuple(
    fc.constant(names),
    fc.array(state, { minLength: names.length, maxLength: names.length }),
  );
});

const withoutUndefined = (value: object) =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));

describe("toWireSchema() and fromWireSchema()", () => {
  it("round-trip any schema, with lists in their order", () => {
    fc.assert(
      fc.property(schemas, ([names, states]) => {
        const schema: Schema = Object.fromEntries(
          names.map((n, i) => [n, withoutUndefined(states[i]!)]),
        );
        const bytes = statesource.v1.Schema.encode(toWireSchema(schema, names)).finish();
        expect(fromWireSchema(statesource.v1.Schema.decode(bytes))).toEqual({ schema, names });
      }),
    );
  });

  it("encode 149 flight states in less than 2.5 kB", () => {
    const bytes = statesource.v1.Schema.encode(toWireSchema(flights, stateNames)).finish();
    expect(bytes.length).toBeLessThan(2_500);
    expect(fromWireSchema(statesource.v1.Schema.decode(bytes))).toEqual({
      schema: flights,
      names: [...stateNames],
    });
  });

  it("refuse with a code what no schema encodes to", () => {
    const wire = toWireSchema(flights, stateNames);
    const numbers = fc.array(fc.integer({ min: -5, max: 200 }), { maxLength: 400 });
    fc.assert(
      fc.property(numbers, (relations) => {
        try {
          fromWireSchema({ ...wire, relations });
        } catch (error) {
          expect(error).toBeInstanceOf(ReplicationError);
          expect((error as ReplicationError).code).toBe("data_loss");
        }
      }),
    );
  });

  it.each([
    [{ shared: [0], suffixes: ["A", "B"], flags: new Uint8Array(2) }, /differ in length/],
    [{ shared: [1], suffixes: ["A"], flags: new Uint8Array(1) }, /shares more/],
    [{ shared: [0, 0], suffixes: ["A", "A"], flags: new Uint8Array(2) }, /same name/],
    [{ shared: [0], suffixes: [""], flags: new Uint8Array(1) }, /0 characters/],
    [{ shared: [0], suffixes: ["A"], flags: Uint8Array.of(4) }, /end too early/],
    [{ shared: [0], suffixes: ["A"], flags: Uint8Array.of(0), relations: [1] }, /of no state/],
  ])("refuses %j", (wire, message) => {
    expect(() => fromWireSchema(wire)).toThrow(message);
  });

  it("enforce the limits on what a peer may send", () => {
    const wire = toWireSchema({ A: {}, Bcd: {} }, ["A", "Bcd"]);
    expect(() => fromWireSchema(wire, { maxStates: 1, maxNameLength: 9 })).toThrow(
      /2 states, more than 1/,
    );
    expect(() => fromWireSchema(wire, { maxStates: 9, maxNameLength: 2 })).toThrow(
      /3 characters, not 1 to 2/,
    );
  });
});

describe("hashSchema()", () => {
  it("changes with names, order and relations", () => {
    const hashes = [
      hashSchema({ A: {}, B: {} }, ["A", "B"]),
      hashSchema({ A: {}, B: {} }, ["B", "A"]),
      hashSchema({ A: {}, B: { require: ["A"] } }, ["A", "B"]),
      hashSchema({ A: {}, B: { remove: ["A"] } }, ["A", "B"]),
    ];
    expect(new Set(hashes).size).toBe(4);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(hashSchema({ B: {}, A: {} }, ["A", "B"])).toBe(hashes[0]);
  });
});

describe("schemaHash()", () => {
  it("is what nodes send, and equal for a machine and its clock", () => {
    const machine = createMachine(flights, { states: stateNames });
    const { schema, names, ticks } = machine;
    const clock = new VersionedClock();
    clock.reset({ epoch: "00000000000000aa", seq: 0, schema, names, ticks });
    expect(schemaHash(machine)).toBe(hashSchema(schema, names));
    expect(schemaHash(clock)).toBe(schemaHash(machine));
    expect(schemaHash(createMachine(flights))).not.toBe(schemaHash(machine));
  });
});
