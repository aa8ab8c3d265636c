/** One node of the tree in its own process, which a test starts, stops, kills and suspends. */

import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../runtime/node_flags.ts";
import { type HttpRequest, type HttpResponse, httpRequest } from "./http_request.ts";
import { type UntilOptions, until } from "./until.ts";

const SCRIPT = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));
/** The nodes must not see variables of the project that a developer has set. */
const FOREIGN_VARIABLES = /^(TST_|OTEL_|NODE_OPTIONS$|VITEST|NODE_ENV$)/;

/** One line of a node's log. */
export interface LoggedLine {
  /** When it was read, on the monotonic clock of the test's process, in milliseconds. */
  readonly atMs: number;
  /** When the node wrote it, in milliseconds of the day (UTC). */
  readonly writtenAtMs: number;
  readonly level: string;
  /** Message and fields, as printed. */
  readonly text: string;
}

export interface ExitOf {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds since the stop was requested; 0 if the node ended by itself. */
  readonly tookMs: number;
}

/** All running nodes, so that none outlives the tests. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class NodeProcess {
  readonly name: string;
  /** host:port of the replication server and of the HTTP API. */
  readonly addr: string;
  readonly httpAddr: string;
  /** All its output. */
  readonly log: LoggedLine[];
  readonly #child: ChildProcess;
  readonly #exit: Promise<ExitOf>;
  #exited: ExitOf | undefined = undefined;
  #askedAtMs = Number.NaN;

  private constructor(
    name: string,
    child: ChildProcess,
    log: LoggedLine[],
    addrs: [string, string],
  ) {
    this.name = name;
    this.#child = child;
    this.log = log;
    [this.addr, this.httpAddr] = addrs;
    this.#exit = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        running.delete(child);
        const tookMs = Number.isNaN(this.#askedAtMs) ? 0 : performance.now() - this.#askedAtMs;
        this.#exited = { code, signal, tookMs };
        resolve(this.#exited);
      });
    });
  }

  /**
   * Starts a node on free ports of the loopback and resolves once it listens. It ends with this process at the
   * latest. Rejects with its output if it ends before it listens.
   */
  static start(name: string, variables: Readonly<Record<string, string>>): Promise<NodeProcess> {
    const inherited = Object.entries(process.env).filter(([key]) => !FOREIGN_VARIABLES.test(key));
    // A node ends with the channel, also when this process is killed.
    const child = spawn(process.execPath, [...NODE_FLAGS, SCRIPT], {
      env: {
        ...Object.fromEntries(inherited),
        TST_NAME: name,
        TST_ADDR: "127.0.0.1:0",
        TST_HTTP_ADDR: "127.0.0.1:0",
        ...variables,
      },
      // A folder without an .env file that would add variables.
      cwd: tmpdir(),
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    running.add(child);
    const log: LoggedLine[] = [];
    return new Promise((resolve, reject) => {
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on("line", (line) => {
          log.push(toLoggedLine(line));
          const match = /node started .*replication=(\S+) http=(\S+)/.exec(line);
          if (match !== null) resolve(new NodeProcess(name, child, log, [match[1]!, match[2]!]));
        });
      }
      child.once("error", reject);
      child.once("close", (code) => {
        running.delete(child);
        const printed = log.map(({ text }) => text).join("\n");
        reject(new Error(`Cannot start ${name}: it ended with code ${code}:\n${printed}`));
      });
    });
  }

  /** Port of the replication server. */
  get port(): number {
    return Number(this.addr.split(":").at(-1));
  }

  get url(): string {
    return `http://${this.httpAddr}`;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** How it ended; undefined while it is running. */
  get exited(): ExitOf | undefined {
    return this.#exited;
  }

  /** Resolves when it ends, also by itself. */
  get ended(): Promise<ExitOf> {
    return this.#exit;
  }

  /** Whether it is running and was not asked to stop. */
  get isToStay(): boolean {
    return this.#exited === undefined && Number.isNaN(this.#askedAtMs);
  }

  get(path: string, options: HttpRequest = {}): Promise<HttpResponse> {
    return httpRequest(this.url + path, options);
  }

  /** Kills it. */
  kill(): Promise<ExitOf> {
    return this.#end("SIGKILL");
  }

  /** Asks it to stop. */
  stop(): Promise<ExitOf> {
    return this.#end("SIGTERM");
  }

  /** Suspends the process; its connections stay open. */
  suspend(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** The matching lines of its log after the first `from` lines. */
  logged(pattern: RegExp, from = 0): LoggedLine[] {
    return this.log.slice(from).filter(({ text }) => pattern.test(text));
  }

  /** Resolves to the first matching line of its log after the first `from` lines. */
  untilLogged(pattern: RegExp, from = 0, options: UntilOptions = {}): Promise<LoggedLine> {
    const look = () => this.logged(pattern, from)[0];
    return until(`${pattern} in the log of ${this.name}`, look, options);
  }

  #end(signal: NodeJS.Signals): Promise<ExitOf> {
    if (Number.isNaN(this.#askedAtMs)) this.#askedAtMs = performance.now();
    this.#child.kill(signal);
    return this.#exit;
  }
}

function toLoggedLine(line: string): LoggedLine {
  const match = /^(\d\d):(\d\d):(\d\d\.\d{3}) ([A-Z]+) +(.*)$/s.exec(line);
  const atMs = performance.now();
  if (match === null) return { atMs, writtenAtMs: Number.NaN, level: "", text: line };
  const [, hours, minutes, seconds, level, text] = match;
  const writtenAtMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
  return { atMs, writtenAtMs, level: level!, text: text! };
}
