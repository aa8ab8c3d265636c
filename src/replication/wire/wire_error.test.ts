import { describe, expect, it } from "vitest";
import { fromWireError } from "./wire_error.ts";

const text = (length: number) => "x".repeat(length);
const list = (length: number) => Array.from({ length }, (_, i) => `n${i}`);

describe("fromWireError()", () => {
  it.each([
    [{ code: "invalid_argument", states: ["A", 5, { toString: 1 }, text(256)] }, ["A"]],
    [{ code: "invalid_argument", states: list(101) }, list(100)],
    [{ code: "invalid_argument", states: [null] }, []],
    [{ code: "unavailable", states: ["A"] }, []],
  ])("takes up to a hundred names of states from %#", (error, states) => {
    expect(fromWireError(error, "unknown").states).toEqual(states);
  });

  it.each([
    [{ code: "unavailable", message: text(1_001) }, "unavailable", text(1_000)],
    [{ code: "aborted" }, "aborted", 'The peer responded with the error "aborted"'],
    [{ code: "unauthenticated" }, "unknown", 'The peer responded with the error "unauthenticated"'],
    [{ code: { toString: 1 } }, "unknown", 'The peer responded with the error "unknown"'],
    [{ code: "unknown_state", message: "no" }, "invalid_argument", "no"],
    [{ code: "toString" }, "unknown", 'The peer responded with the error "toString"'],
    [null, "unknown", 'The peer responded with the error "unknown"'],
    ["broken", "unknown", 'The peer responded with the error "unknown"'],
  ])("creates an error from %#", (value, code, message) => {
    expect(fromWireError(value, "unknown")).toMatchObject({ code, message });
  });
});
