/** `npm run gen:protos`: writes `gen/statesource.js` and its types out of `proto/`. */

import { join } from "node:path";
import { PROJECT_ROOT, PROTO_FOLDER, WIRE_MODULE_PATH, WIRE_TYPES_PATH } from "./_paths.ts";
import { writeFileAtomically } from "./_write_file.ts";
import { generateWireCode } from "./wire_code.ts";

/** Where the command reads, writes and speaks; tests give their own. */
export interface ProtosCommand {
  /** Folder with the `.proto` files; `proto` by default. */
  readonly folder?: string;
  /** Folder that stands for the project's root, for the files to write. */
  readonly root?: string;
  readonly writeLine?: (line: string) => void;
  readonly writeErrorLine?: (line: string) => void;
}

/** Runs the command and resolves to its exit code: 0 written, 2 unusable protos. Then the old files stay. */
export async function generateProtos(command: ProtosCommand = {}): Promise<0 | 2> {
  const writeLine = command.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
  const writeErrorLine = command.writeErrorLine ?? ((line) => process.stderr.write(`${line}\n`));
  const root = command.root ?? PROJECT_ROOT;
  try {
    const code = await generateWireCode(command.folder ?? join(PROJECT_ROOT, PROTO_FOLDER));
    writeFileAtomically(join(root, WIRE_MODULE_PATH), code.module);
    writeFileAtomically(join(root, WIRE_TYPES_PATH), code.types);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    writeErrorLine(error.message);
    return 2;
  }
  writeLine(`Wrote ${WIRE_MODULE_PATH} and ${WIRE_TYPES_PATH}`);
  return 0;
}

if (import.meta.main) process.exitCode = await generateProtos();
