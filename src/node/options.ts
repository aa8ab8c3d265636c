/** The options of `startNode()`: the settings of a node in camel case, checked like those of the command. */

import { type Machine, nearestNames } from "../machine/mod.ts";
import type { TelemetryBackend } from "../telemetry/mod.ts";
import {
  type Address,
  ConfigError,
  describeValue,
  formatAddress,
  isMachine,
  type LogLevel,
  type LogRecord,
  type NodeConfig,
  readConfig,
  SETTINGS,
} from "../tree/mod.ts";

/**
 * What a node is started with: a `machine` makes it a root, a `parentAddr` a relay or leaf; it needs one of them.
 * `undefined` and empty text are the default.
 */
export interface StartNodeOptions<N extends string = string> {
  /** The root's machine. A machine has one node at a time; closing the node leaves it as it is. */
  // biome-ignore lint/suspicious/noExplicitAny: machines with args of any types
  readonly machine?: Machine<N, any> | undefined;
  /** Upstream replication addresses, the first preferred; one text may hold several, comma-separated. */
  readonly parentAddr?: string | Address | readonly (string | Address)[] | undefined;
  /** Name of the node; different from all others in its tree. Default on a root: `root`. */
  readonly name?: string | undefined;
  /** Default: `root` with a machine, else `leaf`. */
  readonly role?: "root" | "relay" | "leaf" | undefined;
  /** Where the replication server (HTTP/2) listens; port 0 is any free one. Default `127.0.0.1:19700`. */
  readonly addr?: string | Address | undefined;
  /** Where the HTTP API listens. Default `127.0.0.1:18700`. */
  readonly httpAddr?: string | Address | undefined;
  /** Relays and leaves: follow and serve only these states, by names and prefixes such as `Flight2*`. Default: all. */
  readonly states?: string | readonly string[] | undefined;
  /** Least milliseconds between two diffs to one downstream; 0 = at once. Default: 0 on the root, else 50. */
  readonly pushIntervalMs?: number | undefined;
  /** A quiet link sends a heartbeat at least this often, in milliseconds. Default 500. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Age of the clock from which `/readyz` responds 503, in milliseconds. Default 5,000. */
  readonly staleAfterMs?: number | undefined;
  /** Longest that `close()` waits for running requests, and for downstreams to move, in milliseconds. Default 3,000. */
  readonly drainMs?: number | undefined;
  /** Most detailed level that `log` receives. Default `info`. */
  readonly logLevel?: LogLevel | undefined;
  /** Origins whose pages may use the HTTP API and be replicas; `*` for any. Default: none. */
  readonly corsOrigins?: string | readonly string[] | undefined;
  /** Receives each log record. Default: nobody does. */
  readonly log?: ((record: LogRecord) => void) | undefined;
  /**
   * `true`: serves `/metrics`, and exports traces and logs as the `OTEL_…` variables of the process say. Or a
   * backend, which its owner shuts down; it belongs to one node. Default `false`.
   */
  readonly telemetry?: boolean | TelemetryBackend | undefined;
  /** Relays and leaves: states that the program relies on. They type `localMachine`, whose reads and waits know them before the first clock. */
  readonly stateNames?: readonly N[] | undefined;
}

/** Converts an option to the text of its setting. Throws `TypeError` for a value of another type. */
type ToText = (value: unknown) => string;

const text: ToText = (value) => {
  if (typeof value === "string") return value;
  throw new TypeError(`${describeValue(value)} is not a string`);
};

const number: ToText = (value) => {
  if (typeof value === "number") return String(value);
  throw new TypeError(`${describeValue(value)} is not a number`);
};

const address: ToText = (value) => {
  if (typeof value === "string") return value;
  const { host, port } = (value ?? {}) as Partial<Address>;
  if (typeof host === "string" && typeof port === "number") return formatAddress({ host, port });
  throw new TypeError(
    `${describeValue(value)} is not an address: give "host:port", or the addr of a node`,
  );
};

function list(toText: ToText): ToText {
  return (value) => (Array.isArray(value) ? value.map(toText).join(",") : toText(value));
}

/** The options that are settings of a node. */
const TEXTS: Readonly<Record<string, ToText>> = {
  parentAddr: list(address),
  name: text,
  role: text,
  addr: address,
  httpAddr: address,
  states: list(text),
  pushIntervalMs: number,
  heartbeatIntervalMs: number,
  staleAfterMs: number,
  drainMs: number,
  logLevel: text,
  corsOrigins: list(text),
};

/** The other options: what they must be, in words, and its check. */
const OTHERS: Readonly<
  Record<string, readonly [expected: string, is: (value: unknown) => boolean]>
> = {
  machine: ["a machine, such as createMachine() returns", isMachine],
  log: ["a function", (value) => typeof value === "function"],
  telemetry: ["true, false or a telemetry backend", isTelemetry],
  stateNames: [
    "an array of strings",
    (value) => Array.isArray(value) && value.every((name) => typeof name === "string"),
  ],
};

function isTelemetry(value: unknown): boolean {
  if (typeof value === "boolean") return true;
  const { metrics, renderMetrics, emitLog } = (value ?? {}) as Partial<TelemetryBackend>;
  return (
    typeof metrics === "object" &&
    typeof renderMetrics === "function" &&
    typeof emitLog === "function"
  );
}

/** The option of a setting: `parent-addr` is `parentAddr`. */
export function optionOf(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const NAMES = [...SETTINGS.map(({ flag }) => optionOf(flag)), ...Object.keys(OTHERS)];

/** Checks the options and fills in the defaults. Throws `TypeError` with one line per problem. */
export function parseOptions(options: StartNodeOptions): NodeConfig {
  if (typeof options !== "object" || options === null)
    throw new TypeError(
      `Cannot start a node: its options are ${describeValue(options)}, not an object such as { machine }`,
    );
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const texts = new Map<string, string>();
  const problems: string[] = [];
  for (const [name, value] of given) {
    const toText = Object.hasOwn(TEXTS, name) ? TEXTS[name] : undefined;
    const other = Object.hasOwn(OTHERS, name) ? OTHERS[name] : undefined;
    if (toText !== undefined) {
      try {
        texts.set(name, toText(value));
      } catch (error) {
        problems.push(`Cannot use option ${name}: ${(error as Error).message}`);
      }
    } else if (other === undefined) {
      const [nearest] = nearestNames(name, NAMES, 1);
      problems.push(
        `Cannot use option ${JSON.stringify(name)}: it does not exist; the nearest is ${nearest}`,
      );
    } else if (!other[1](value)) {
      problems.push(`Cannot use option ${name}: ${describeValue(value)} is not ${other[0]}`);
    }
  }
  if (problems.length > 0) throw new TypeError(problems.join("\n"));
  const hasMachine = options.machine !== undefined;
  const hasParent = /[^\s,]/.test(texts.get("parentAddr") ?? "");
  if (hasMachine === hasParent) {
    const both = hasMachine ? "with both machine and parentAddr" : "without machine or parentAddr";
    throw new TypeError(
      `Cannot start a node ${both}: a root has a machine, a relay or leaf has a parentAddr`,
    );
  }
  try {
    return readConfig({
      find(flag) {
        const name = optionOf(flag);
        const text = texts.get(name);
        return text === undefined ? undefined : { text, where: `option ${name}` };
      },
      nameOf: optionOf,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new TypeError(error.message, { cause: error });
  }
}
