import { describe, expect, it } from "vitest";
import type { Schema } from "../schema.ts";
import { extendState, mergeSchemas, prefixSchema, replaceRelations } from "./compose_schemas.ts";

describe("composition of schemas", () => {
  it("mergeSchemas() overrides whole states", () => {
    expect(mergeSchemas({ A: { multi: true }, B: {} }, { A: { require: ["B"] } })).toEqual({
      A: { require: ["B"] },
      B: {},
    });
  });

  it("extendState() unites relations, own names first, and sets properties of either state", () => {
    expect(
      extendState(
        { add: ["A"], auto: true },
        { add: ["B", "A"], multi: true, auto: false, tags: ["no"] },
      ),
    ).toEqual({ add: ["A", "B"], auto: true, multi: true });
  });

  it("replaceRelations() replaces only the relations given, including by an empty list", () => {
    expect(replaceRelations({ add: ["A"], remove: ["B"], multi: true }, { add: [] })).toEqual({
      add: [],
      remove: ["B"],
      multi: true,
    });
  });

  it("prefixSchema() prefixes names and relations, all or some", () => {
    const schema = { A: { require: ["B"] }, B: {} } as Schema<"A" | "B">;
    expect(prefixSchema(schema, "X")).toEqual({ XA: { require: ["XB"] }, XB: {} });
    expect(prefixSchema(schema, "X", { skip: ["B"] })).toEqual({ XA: { require: ["B"] }, B: {} });
    expect(prefixSchema(schema, "X", { only: ["B"] })).toEqual({ A: { require: ["XB"] }, XB: {} });
  });
});
