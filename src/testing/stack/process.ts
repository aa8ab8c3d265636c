/** Programs for tests of the whole stack: finds, starts and reads them, and ends them without leaving anything. */

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The path of a program: the value of the variable, else the first in PATH, else undefined. Throws a
 * RangeError if the variable does not name a program.
 */
export function findProgram(name: string, variable: string): string | undefined {
  const named = process.env[variable] ?? "";
  if (named !== "") {
    if (isExecutable(named)) return named;
    throw new RangeError(`Cannot use ${variable}: "${named}" is not a program`);
  }
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface ProgramOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A running program; its output is kept for the message of a failed test. */
export class Program {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Set<(line: string | undefined) => void>();

  constructor(path: string, { args, env, cwd }: ProgramOptions) {
    this.#child = spawn(path, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd !== undefined && { cwd }),
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.lines.push(line);
        for (const hear of this.#waiting) hear(line);
      });
    }
    this.#ended = new Promise((resolve) => {
      const end = () => {
        for (const hear of this.#waiting) hear(undefined);
        resolve();
      };
      this.#child.once("close", end);
      this.#child.once("error", (error) => {
        this.lines.push(String(error));
        end();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves to the first matching line, past or future. Rejects with the output once the program has ended. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const hear = (line: string | undefined) => {
        const match = line === undefined ? null : pattern.exec(line);
        if (match === null && line !== undefined) return;
        this.#waiting.delete(hear);
        if (match !== null) resolve(match);
        else reject(new Error(`Cannot find ${pattern}: it ended with\n${this.tail()}`));
      };
      for (const line of this.lines) if (pattern.test(line)) return hear(line);
      if (this.#child.exitCode !== null) return hear(undefined);
      this.#waiting.add(hear);
    });
  }

  /** Resolves to the exit code once the program has ended by itself. */
  async exit(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  tail(): string {
    return this.lines.slice(-15).join("\n");
  }

  /** Stops it; kills it after 5 s. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Things to end or remove after a test, in reverse order. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** A folder that is removed after the test. */
  folder(): string {
    const path = mkdtempSync(join(tmpdir(), "stack-"));
    this.add(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  async run(): Promise<void> {
    for (;;) {
      const step = this.#steps.pop();
      if (step === undefined) return;
      await step();
    }
  }
}

/**
 * Calls `check` five times a second until it does not throw; rejects with its last error after `timeoutMs`.
 * For waiting for other programs.
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(200);
  }
}
