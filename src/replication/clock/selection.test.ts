import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  coversSelection,
  createSelection,
  describeSelection,
  faultOfStates,
  isSelected,
  listSelection,
  parseSelection,
  type Selection,
} from "./selection.ts";

// Few letters, so that prefixes often match names.
const word = fc.stringMatching(/^[ab]{1,4}$/);
const selections = fc
  .record({ names: fc.array(word, { maxLength: 4 }), prefixes: fc.array(word, { maxLength: 3 }) })
  .filter(({ names, prefixes }) => names.length + prefixes.length > 0)
  .map(({ names, prefixes }) => createSelection(names, prefixes));

function chooses({ names, prefixes }: Selection, name: string): boolean {
  return names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

describe("createSelection()", () => {
  it("returns one form for equal selections", () => {
    expect(createSelection(["B", "A", "B"], ["Fl", "Flight1", "E", "Fl"])).toEqual({
      names: ["A", "B"],
      prefixes: ["E", "Fl"],
    });
  });

  it("selects the same states as its arguments", () => {
    fc.assert(
      fc.property(
        fc.array(word),
        fc.array(word, { minLength: 1 }),
        word,
        (names, prefixes, name) => {
          const selection = createSelection(names, prefixes);
          expect(isSelected(selection, name)).toBe(chooses({ names, prefixes }, name));
        },
      ),
    );
  });

  it("keeps a name that a prefix covers: the state must exist", () => {
    expect(createSelection(["Flight1Delayed"], ["Flight1"]).names).toEqual(["Flight1Delayed"]);
  });

  it.each([
    [[], [], /neither a name nor a prefix/],
    [Array.from({ length: 1_001 }, (_, i) => `S${i}`), [], /1001 names, more than 1000/],
    [[], Array.from({ length: 101 }, (_, i) => `S${i}`), /101 prefixes, more than 100/],
    [["x".repeat(256)], [], /256 characters, not 1 to 255/],
    [["A"], [""], /0 characters/],
  ])("refuses %#", (names, prefixes, message) => {
    expect(() => createSelection(names, prefixes)).toThrow(RangeError);
    expect(() => createSelection(names, prefixes)).toThrow(message);
  });
});

describe("parseSelection() and listSelection()", () => {
  it("read and write names, and prefixes with a star", () => {
    const selection = parseSelection(" Flight2*, Exception ,Start,");
    expect(selection).toEqual({ names: ["Exception", "Start"], prefixes: ["Flight2"] });
    expect(listSelection(selection)).toEqual(["Exception", "Start", "Flight2*"]);
    fc.assert(
      fc.property(selections, (any) => {
        expect(parseSelection(listSelection(any).join(","))).toEqual(any);
      }),
    );
  });

  it.each([
    ["*", /every state, which needs no selection/],
    ["Flight*Gate1", /"Flight\*Gate1": a star is allowed only at the end/],
    ["Flight1**", /a star is allowed only at the end/],
    [" , ", /neither a name nor a prefix/],
  ])("refuse %j", (text, message) => {
    expect(() => parseSelection(text)).toThrow(message);
  });
});

describe("describeSelection()", () => {
  it("names five items, and counts the rest", () => {
    expect(describeSelection(parseSelection("A,B*"))).toBe("A,B*");
    expect(describeSelection(parseSelection("A,B,C,D,E,F,G*"))).toBe("A,B,C,D,E and 2 more");
  });
});

describe("coversSelection()", () => {
  it("returns true only if the whole cannot lack a state of the part", () => {
    const names = fc.array(word, { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(selections, selections, names, (whole, part, schema) => {
        const isMissing = (name: string) => isSelected(part, name) && !isSelected(whole, name);
        if (coversSelection(whole, part)) expect(schema.filter(isMissing)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("returns true for every part, judged by names and prefixes", () => {
    const whole = parseSelection("Flight1*,Exception");
    for (const part of [
      "Flight1*",
      "Flight10Gate*",
      "Flight1Delayed,Exception",
      "Flight1*,Exception",
    ])
      expect(coversSelection(whole, parseSelection(part))).toBe(true);
    for (const part of ["Flight*", "Start", "Exception*", "Flight1*,Flight2*"])
      expect(coversSelection(whole, parseSelection(part))).toBe(false);
  });

  it("treats every state as more than any selection", () => {
    const some = parseSelection("A*");
    expect(coversSelection(undefined, some)).toBe(true);
    expect(coversSelection(undefined, undefined)).toBe(true);
    expect(coversSelection(some, undefined)).toBe(false);
  });
});

describe("faultOfStates()", () => {
  const selection = parseSelection("Exception,Flight1*");

  it("returns undefined for the requested states", () => {
    expect(faultOfStates(selection, ["Exception", "Flight1Delayed"])).toBeUndefined();
    expect(faultOfStates(selection, ["Exception"])).toBeUndefined();
  });

  it.each([
    [["Exception", "Start"], /^it sent state "Start", which was not requested/],
    [["Flight1Delayed"], /^it sent no state "Exception", which was requested/],
  ])("returns a reason for %j", (names, message) => {
    expect(faultOfStates(selection, names)).toMatch(message);
  });
});
