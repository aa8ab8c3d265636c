/**
 * Finds where a text stops being JSON (RFC 8259). `JSON.parse` knows, but says so in words that
 * differ between runtimes, or not at all.
 */

/** Where the first wrong character is, and what could have stood there. */
export interface JsonError {
  /** UTF-16 units from the start; the text's length if it ends too early. */
  readonly offset: number;
  /** For people, such as "a value" or "a comma or }". */
  readonly expected: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings may not hold them, so they end one.
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/** Locates the error in a text that `JSON.parse` refuses; for a text that it takes, the offset is the length. */
export function locateJsonError(text: string): JsonError {
  // Open brackets, the innermost last: no recursion, since the text decides how deep they nest.
  const open: ("{" | "[")[] = [];
  let offset = 0;
  let expects: "value" | "first" | "name" | "after" = "value";
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    if (!pattern.test(text)) return false;
    offset = pattern.lastIndex;
    return true;
  };
  const matchString = (): JsonError | undefined => {
    match(STRING_START);
    if (text[offset] !== '"') return { offset, expected: "the rest of a string" };
    offset++;
    return undefined;
  };

  while (true) {
    match(SPACE);
    const char = text[offset];
    const inside = open.at(-1);
    const closing = inside === "{" ? "}" : "]";
    if (expects === "after" && inside === undefined) {
      return { offset, expected: "the end" };
    }
    if ((expects === "after" || expects === "first") && char === closing) {
      offset++;
      open.pop();
      expects = "after";
    } else if (expects === "after") {
      if (char !== ",") return { offset, expected: `a comma or ${closing}` };
      offset++;
      expects = inside === "{" ? "name" : "value";
    } else if (expects === "name" || (expects === "first" && inside === "{")) {
      if (char !== '"') return { offset, expected: "a name in double quotes" };
      const error = matchString();
      if (error !== undefined) return error;
      match(SPACE);
      if (text[offset] !== ":") return { offset, expected: "a colon" };
      offset++;
      expects = "value";
    } else if (char === "{" || char === "[") {
      offset++;
      open.push(char);
      expects = "first";
    } else {
      const error = char === '"' ? matchString() : undefined;
      if (error !== undefined) return error;
      if (char !== '"' && !match(NUMBER) && !match(LITERAL)) return { offset, expected: "a value" };
      expects = "after";
    }
  }
}
