import { describe, expect, it } from "vitest";
import { missingTests } from "../testing/spec_tests.ts";

describe("SPEC.md", () => {
  it("names tests that exist, at least one for each invariant", () => {
    expect(missingTests(new URL("SPEC.md", import.meta.url), "Invariants")).toEqual([]);
  });
});
