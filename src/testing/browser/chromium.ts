/** A Chromium without a window, for tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { until } from "../faults/until.ts";

interface Target {
  readonly type: string;
  readonly webSocketDebuggerUrl: string;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The program in `CHROMIUM` or the search path; undefined if there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return [
    process.env.CHROMIUM ?? "",
    ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
  ].find((path) => path !== "" && existsSync(path));
}

export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
  }

  /** Opens a page. */
  static open(program: string, url: string): Chromium {
    const profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const child = spawn(
      program,
      [
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        url,
      ],
      // Its own process group, so that all of its processes end with it.
      { stdio: "ignore", detached: true },
    );
    return new Chromium(child, profile);
  }

  /** Evaluates an expression in the page, once the page exists. Resolves to its value; rejects if it throws. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#command("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value: unknown }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** A screenshot of the page, as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = (await this.#command("Page.captureScreenshot", {})) as { data: string };
    return Buffer.from(data, "base64");
  }

  /** Sends one command of the DevTools protocol to the page. */
  async #command(method: string, params: object): Promise<unknown> {
    const socket = new WebSocket(await this.#pageAddress());
    try {
      return await new Promise((resolve, reject) => {
        socket.onopen = () => socket.send(JSON.stringify({ id: 1, method, params }));
        socket.onerror = () => reject(new Error("Cannot reach Chromium: its socket broke"));
        socket.onmessage = ({ data }) => {
          const { id, result, error } = JSON.parse(data as string);
          if (id !== 1) return;
          if (error === undefined) resolve(result);
          else reject(new Error(error.message));
        };
      });
    } finally {
      socket.close();
    }
  }

  /** URL of the debugger of the page; Chromium writes its port to a file once it listens. */
  async #pageAddress(): Promise<string> {
    return await until("Chromium's page", async () => {
      const [port] = readFileSync(join(this.#profile, "DevToolsActivePort"), "utf8").split("\n");
      const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
      const page = (targets as Target[]).find(({ type }) => type === "page");
      return page?.webSocketDebuggerUrl;
    });
  }

  async close(): Promise<void> {
    const { pid } = this.#child;
    if (pid !== undefined && this.#child.exitCode === null) {
      const exited = new Promise((resolve) => this.#child.once("exit", resolve));
      process.kill(-pid, "SIGKILL");
      await exited;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
