/**
 * The configuration of one node, read from `TST_…` variables or from flags of the same names in kebab case
 * without the prefix. The table {@linkcode SETTINGS} lists them; the program of a node may add its own.
 */

import type { NodeRole } from "../http/mod.ts";
import { parseSelection, type Selection } from "../replication/mod.ts";
import { type Address, parseAddress } from "./address.ts";

export const ROLES: readonly NodeRole[] = ["root", "relay", "leaf"];

export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";
export const LOG_LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];

/** What a node of the tree is configured with. */
export interface NodeConfig {
  readonly role: NodeRole;
  readonly name: string;
  /** Where the replication server (HTTP/2) listens. */
  readonly addr: Address;
  /** Upstream replication addresses, the preferred one first; empty on the root. */
  readonly parentAddrs: readonly string[];
  /** The states to follow; undefined for all. Always undefined on the root. */
  readonly selection: Selection | undefined;
  /** Where the HTTP API listens. */
  readonly httpAddr: Address;
  /** Least milliseconds between two diffs to one downstream; 0 pushes at once, up to 4,000 a second. */
  readonly pushIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  /** Age of the clock from which `/readyz` responds 503, in milliseconds. */
  readonly staleAfterMs: number;
  /** Longest that a stop waits for running requests and for downstreams to move, in milliseconds. */
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  /** Origins whose pages may use the HTTP API, and be replicas; `*` for any. */
  readonly corsOrigins: readonly string[];
}

/** An unusable configuration. The message has one line per problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join("\n"), options);
    this.problems = problems;
  }
}

/** One line of the table of settings. */
export interface Setting {
  /** Flag name in kebab case; the variable is `TST_` and the same in upper snake case. */
  readonly flag: string;
  readonly value: string;
  readonly help: string;
}

/** The settings of every node, in the order in which help and README list them. */
export const SETTINGS: readonly Setting[] = [
  {
    flag: "role",
    value: "root|relay|leaf",
    help: "place in the tree; root without a parent address, else leaf",
  },
  { flag: "name", value: "NAME", help: "node name; root when there is no parent" },
  { flag: "addr", value: "HOST:PORT", help: "replication server (HTTP/2), 127.0.0.1:19700" },
  {
    flag: "parent-addr",
    value: "HOST:PORT[,…]",
    help: "upstream replication addresses, the first preferred; empty = root",
  },
  {
    flag: "states",
    value: "NAME|PREFIX*[,…]",
    help: "relays and leaves: follow and serve only these states, such as Exception,Flight2*; empty = all",
  },
  { flag: "http-addr", value: "HOST:PORT", help: "HTTP API, 127.0.0.1:18700" },
  {
    flag: "push-interval-ms",
    value: "MS",
    help: "least time between two diffs to one downstream; 0 = at once, up to 4,000 a second; 0 on the root, else 50",
  },
  {
    flag: "heartbeat-interval-ms",
    value: "MS",
    help: "a quiet link sends a heartbeat at least this often, 500; silent three times as long = lost",
  },
  {
    flag: "stale-after-ms",
    value: "MS",
    help: "age of the clock from which /readyz responds 503, 5000",
  },
  {
    flag: "drain-ms",
    value: "MS",
    help: "longest that a stop waits for running requests and for downstreams to move, 3000",
  },
  { flag: "log-level", value: LOG_LEVELS.join("|"), help: "info" },
  {
    flag: "cors-origins",
    value: "ORIGIN[,…]",
    help: "origins whose pages may use the HTTP API and be replicas; * = any; none by default",
  },
];

/** Reads one setting: `fallback` where it is not set, or where `parse` throws, which is a problem of the configuration. */
export type ReadSetting = <T>(flag: string, fallback: T, parse: (text: string) => T) => T;

/** What the program of a node adds to its configuration. */
export interface ProgramSettings<T extends object> {
  /** The table's lines, after those of {@linkcode SETTINGS}. */
  readonly settings: readonly Setting[];
  parse(read: ReadSetting): T;
}

/** Where the settings of a node come from: variables and flags, or the options of a function. */
export interface SettingSource {
  /** The text of a setting, and what its user calls it; undefined if it is not set. */
  find(flag: string): { readonly text: string; readonly where: string } | undefined;
  /** How a user can set it: `TST_ADDR (--addr)`. */
  nameOf(flag: string): string;
}

/** The variable of a setting: `parent-addr` is `TST_PARENT_ADDR`. */
export function variableOf(flag: string): string {
  return `TST_${flag.toUpperCase().replaceAll("-", "_")}`;
}

/** How a user of commands can set a setting. */
export function variableAndFlagOf(flag: string): string {
  return `${variableOf(flag)} (--${flag})`;
}

/** What `--help` prints for the settings of a node and of its program. */
export function settingsHelp(program: readonly Setting[] = []): string {
  return [...SETTINGS, ...program]
    .map(({ flag, value, help }) => `  --${flag} ${value}\n      ${variableOf(flag)}: ${help}`)
    .join("\n");
}

/**
 * Reads flags (`--name value` or `--name=value`) into a record keyed by setting.
 * Throws {@linkcode ConfigError} for an unknown flag or a missing value.
 */
function parseFlags(
  args: readonly string[],
  settings: readonly Setting[],
): Partial<Record<string, string>> {
  const known = new Set(settings.map(({ flag }) => flag));
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const match = /^--([a-z-]+)(?:=(.*))?$/s.exec(args[i]!);
    if (match === null || !known.has(match[1]!)) {
      problems.push(
        `Cannot use argument "${args[i]}": the flags are ${[...known].map((flag) => `--${flag}`).join(" ")}`,
      );
      continue;
    }
    const value = match[2] ?? args[++i];
    if (value === undefined) problems.push(`Cannot use --${match[1]}: its value is missing`);
    else values[match[1]!] = value;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values;
}

/**
 * Builds the configuration of a node, and of its program if one is given; flags win over variables.
 * Throws {@linkcode ConfigError} naming every bad setting.
 */
export function parseConfig<T extends object = object>(
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = [],
  program?: ProgramSettings<T>,
): NodeConfig & T {
  const flags = parseFlags(args, [...SETTINGS, ...(program?.settings ?? [])]);
  const source: SettingSource = {
    find(flag) {
      const fromFlag = flags[flag];
      if (fromFlag !== undefined) return { text: fromFlag, where: `--${flag}` };
      const text = env[variableOf(flag)];
      return text === undefined ? undefined : { text, where: variableOf(flag) };
    },
    nameOf: variableAndFlagOf,
  };
  return readConfig(source, program);
}

/** Like {@linkcode parseConfig}, from any source of settings. */
export function readConfig<T extends object = object>(
  source: SettingSource,
  program?: ProgramSettings<T>,
): NodeConfig & T {
  const problems: string[] = [];
  const read: ReadSetting = (flag, fallback, parse) => {
    const found = source.find(flag);
    const text = found?.text.trim() ?? "";
    if (found === undefined || text === "") return fallback;
    try {
      return parse(text);
    } catch (error) {
      problems.push(`Cannot use ${found.where}: ${(error as Error).message}`);
      return fallback;
    }
  };
  const config = { ...readNode(read, source, problems), ...(program?.parse(read) as T) };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function readNode(read: ReadSetting, { nameOf }: SettingSource, problems: string[]): NodeConfig {
  const parentAddrs = read("parent-addr", [] as string[], (text) =>
    list(text).map((address) => {
      if (parseAddress(address).port === 0) throw new RangeError(`"${address}" has port 0`);
      return address;
    }),
  );
  const isRoot = parentAddrs.length === 0;
  const role = read<NodeRole>("role", isRoot ? "root" : "leaf", oneOf(ROLES));
  if (problems.length === 0 && (role === "root") !== isRoot) {
    problems.push(
      isRoot
        ? `Cannot be a ${role}: ${nameOf("parent-addr")} is missing, the address of the node upstream`
        : `Cannot be the root: ${nameOf("parent-addr")} is set, and a root has no parent`,
    );
  }
  const selection = read<Selection | undefined>("states", undefined, parseSelection);
  if (isRoot && selection !== undefined)
    problems.push(`Cannot select states on the root: ${nameOf("states")} is for relays and leaves`);
  const config: NodeConfig = {
    role,
    name: read("name", isRoot ? "root" : "", nodeName),
    addr: read("addr", { host: "127.0.0.1", port: 19_700 }, parseAddress),
    parentAddrs,
    selection,
    httpAddr: read("http-addr", { host: "127.0.0.1", port: 18_700 }, parseAddress),
    pushIntervalMs: read("push-interval-ms", isRoot ? 0 : 50, integer(0, 60_000)),
    heartbeatIntervalMs: read("heartbeat-interval-ms", 500, integer(10, 60_000)),
    staleAfterMs: read("stale-after-ms", 5_000, integer(1, 86_400_000)),
    drainMs: read("drain-ms", 3_000, integer(0, 60_000)),
    logLevel: read<LogLevel>("log-level", "info", oneOf(LOG_LEVELS)),
    corsOrigins: read("cors-origins", [] as string[], list),
  };
  if (config.name === "" && problems.length === 0)
    problems.push(`Cannot start without a name: ${nameOf("name")} is missing, such as rep-1-1`);
  return config;
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw new RangeError(`"${text}" is not one of ${values.join(", ")}`);
    return value;
  };
}

/** For settings of programs: parses a whole number of a range. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new RangeError(`"${text}" is not a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** For settings of programs: parses a number above 0, up to a million. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1e6))
    throw new RangeError(`"${text}" is not a number above 0, up to 1000000`);
  return value;
}

function nodeName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) {
    throw new SyntaxError(
      `"${text}" is not a name of letters, digits, ".", "_" and "-", 63 at most`,
    );
  }
  return text;
}
