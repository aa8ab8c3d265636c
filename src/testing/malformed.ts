/** Reads src/replication/wire/testdata/malformed.txt, for tests. */

import { readFileSync } from "node:fs";
import type { ReplicationErrorCode } from "../replication/mod.ts";

export interface Malformed {
  readonly reader:
    | "request"
    | "stream"
    | "subscribe"
    | "mutate"
    | "clock"
    | "schema"
    | "response"
    | "probe";
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly outcome: ReplicationErrorCode | "ok";
  /** Part of the error's message; empty where the message does not matter. */
  readonly message: string;
}

/** Throws a `SyntaxError` for a line that is not a case. */
export function readMalformed(): Malformed[] {
  const text = readFileSync(
    new URL("../replication/wire/testdata/malformed.txt", import.meta.url),
    "utf8",
  );
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const match = /^(\w+): (.+?): ([0-9a-f* ]*) → (\w+)(?:: (.+))?$/.exec(line);
    if (match === null)
      throw new SyntaxError(`Cannot read a malformed case: the line is "${line}"`);
    const [, reader, name, bytes, outcome, message = ""] = match;
    return { reader, name, bytes: parseBytes(bytes!), outcome, message } as Malformed;
  });
}

function parseBytes(text: string): Uint8Array<ArrayBuffer> {
  const parts = text.split(" ").map((token) => {
    const [hex, count = "1"] = token.split("*") as [string, string?];
    return hex.repeat(Number(count));
  });
  return Uint8Array.from(Buffer.from(parts.join(""), "hex"));
}
