/** `npm run conformance -- FILE…`: runs files of recorded cases, one JSON object per line, against the machine. */

import { pathToFileURL } from "node:url";
import { commandArguments, exit, readText, writeErrorLine, writeLine } from "../runtime/node.ts";
import { EXIT_FAILED, EXIT_UNUSABLE } from "./exit_codes.ts";
import { parseCase, runCase } from "./recorded_cases.ts";

/** Differences beyond this many are only counted. */
const MOST_SHOWN = 20;

const files = commandArguments();
if (files.length === 0) {
  writeErrorLine(
    "Cannot run recorded cases: name at least one file, as in npm run conformance -- relations.jsonl",
  );
  exit(EXIT_UNUSABLE);
}

let passed = 0;
let failed = 0;
for (const file of files) {
  let text: string;
  try {
    text = await readText(pathToFileURL(file));
  } catch (error) {
    writeErrorLine(`Cannot read ${file}: ${(error as Error).message}`);
    exit(EXIT_UNUSABLE);
  }
  for (const [number, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let difference: string | undefined;
    let id = "";
    try {
      const recorded = parseCase(line);
      id = recorded.id;
      difference = runCase(recorded);
    } catch (error) {
      if (error instanceof SyntaxError) {
        writeErrorLine(`Cannot read ${file}, line ${number + 1}: ${error.message}`);
        exit(EXIT_UNUSABLE);
      }
      difference = `it threw ${error instanceof Error ? error.stack : error}`;
    }
    if (difference === undefined) {
      passed++;
    } else {
      failed++;
      if (failed <= MOST_SHOWN) writeLine(`${file}, case ${id}, ${difference}`);
    }
  }
}
if (failed > MOST_SHOWN) writeLine(`${failed - MOST_SHOWN} more differ`);
writeLine(`${passed} passed, ${failed} failed`);
if (failed > 0) exit(EXIT_FAILED);
