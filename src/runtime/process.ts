/** What Node.js and Bun share: `process`, its streams and signals. */

/** Command line arguments after the script's name. */
export function commandArguments(): string[] {
  return process.argv.slice(2);
}

/** Removes the first command line argument, and returns it: the name of a command, which then sees only its own arguments. */
export function takeArgument(): string | undefined {
  return process.argv.splice(2, 1)[0];
}

export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function writeErrorLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function exit(code: number): never {
  process.exit(code);
}

/** Calls `stop` once, at the first SIGINT or SIGTERM, or when the supervisor of this process has left. */
export function onStopSignal(stop: () => void): void {
  let called = false;
  for (const event of ["SIGINT", "SIGTERM", "disconnect"] as const) {
    process.on(event, () => {
      if (!called) stop();
      called = true;
    });
  }
}
