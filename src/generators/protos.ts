/** `npm run gen:protos`: writes `gen/statesource.js` and its types, and the code for stock clients, from `proto/`. */

import { join } from "node:path";
import {
  CLIENT_CODE_FOLDER,
  PROJECT_ROOT,
  PROTO_FOLDER,
  WIRE_MODULE_PATH,
  WIRE_TYPES_PATH,
} from "./_paths.ts";
import { writeFileAtomically } from "./_write_file.ts";
import { generateClientCode } from "./client_code.ts";
import { generateWireCode } from "./wire_code.ts";

/** Where the command reads, writes and prints; tests pass their own. */
export interface ProtosCommand {
  /** Folder with the `.proto` files; `proto` by default. */
  readonly folder?: string;
  /** Folder to write to, in place of the project's root. */
  readonly root?: string;
  readonly writeLine?: (line: string) => void;
  readonly writeErrorLine?: (line: string) => void;
}

/** Runs the command and resolves to its exit code: 0 written; 2 invalid protos, which leaves the old files. */
export async function generateProtos(command: ProtosCommand = {}): Promise<0 | 2> {
  const writeLine = command.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
  const writeErrorLine = command.writeErrorLine ?? ((line) => process.stderr.write(`${line}\n`));
  const root = command.root ?? PROJECT_ROOT;
  try {
    const folder = command.folder ?? join(PROJECT_ROOT, PROTO_FOLDER);
    const code = await generateWireCode(folder);
    const clientCode = await generateClientCode(folder);
    writeFileAtomically(join(root, WIRE_MODULE_PATH), code.module);
    writeFileAtomically(join(root, WIRE_TYPES_PATH), code.types);
    for (const [path, text] of clientCode)
      writeFileAtomically(join(root, CLIENT_CODE_FOLDER, path), text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    writeErrorLine(error.message);
    return 2;
  }
  writeLine(`Wrote ${WIRE_MODULE_PATH}, ${WIRE_TYPES_PATH} and ${CLIENT_CODE_FOLDER}`);
  return 0;
}

if (import.meta.main) process.exitCode = await generateProtos();
