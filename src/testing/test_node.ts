/** Nodes in the process of a test: real sockets on free ports of the loopback, closed after the test. */

import { afterEach } from "vitest";
import { createFlightsProgram, FLIGHTS_SETTINGS } from "../cli/flights_root.ts";
import type { StateName } from "../flights/mod.ts";
import type { Transport, VersionedClock } from "../replication/mod.ts";
import { createHttp2Transport, listenHttp, listenHttp2 } from "../runtime/node.ts";
import { startTelemetry, type TelemetrySetup } from "../telemetry/setup.ts";
import {
  createLogger,
  formatAddress,
  type LogRecord,
  parseConfig,
  startNode,
  type TreeNode,
} from "../tree/mod.ts";

/** A node of the tree of flights. */
export type FlightsNode = TreeNode<StateName>;

/** What the helpers below use of a node, whatever its machine. */
type AnyNode = Pick<TreeNode, "addr" | "httpAddr" | "clock">;

export interface TestNodeOptions {
  /** Called with each log record; the log is silent without it. */
  readonly onLog?: (record: LogRecord) => void;
  /** Called before each request that the node sends upstream. */
  readonly beforeRequest?: (request: Request) => Promise<void>;
  /** Exports metrics, traces and logs as the variables of the node say; a problem with that is thrown. */
  readonly telemetry?: Partial<TelemetrySetup>;
}

export class TestNodes {
  readonly #ends: (() => Promise<unknown>)[] = [];

  /** Starts a node with these variables, by default a root without a feed. */
  async start(
    env: Readonly<Record<string, string>> = {},
    options: TestNodeOptions = {},
  ): Promise<FlightsNode> {
    const ports = { TST_ADDR: "127.0.0.1:0", TST_HTTP_ADDR: "127.0.0.1:0" };
    const config = parseConfig({ ...ports, TST_FEED: "none", ...env }, [], FLIGHTS_SETTINGS);
    const { name, role, parentAddrs: parents } = config;
    const telemetry =
      options.telemetry &&
      (await startTelemetry({
        env,
        node: { name, role, version: "1.2.3", parents },
        onProblem(message, fields) {
          throw new Error(`${message} ${JSON.stringify(fields)}`);
        },
        ...options.telemetry,
      }));
    const http2 = createHttp2Transport();
    const transport: Transport = async (request) => {
      await options.beforeRequest?.(request);
      return await http2.fetch(request);
    };
    const log = createLogger(config.logLevel, Date.now, (record) => {
      options.onLog?.(record);
      if (record.only !== "console") telemetry?.emitLog(record);
    });
    const program = createFlightsProgram(config);
    const services = { listenHttp, listenHttp2, transport, log, telemetry, program };
    const node = await startNode(config, services);
    this.#ends.push(async () => {
      await node.close();
      await http2.close();
      await telemetry?.shutdown();
    });
    return node;
  }

  /** Starts a node that follows the first of `upstreams` that serves it; a leaf by default. */
  startBelow(
    upstreams: readonly AnyNode[],
    name: string,
    env: Readonly<Record<string, string>> = {},
    options?: TestNodeOptions,
  ): Promise<FlightsNode> {
    const TST_PARENT_ADDR = upstreams.map(({ addr }) => formatAddress(addr)).join(",");
    return this.start(
      { TST_NAME: name, TST_PARENT_ADDR, TST_PUSH_INTERVAL_MS: "5", ...env },
      options,
    );
  }

  /** Closes all nodes. */
  async close(): Promise<void> {
    await Promise.all(this.#ends.splice(0).map((end) => end()));
  }
}

/** Nodes for the tests of a file or a `describe`, closed after each test and after all later `afterEach`. */
export function useTestNodes(): TestNodes {
  const nodes = new TestNodes();
  afterEach(() => nodes.close());
  return nodes;
}

/** Sends a request to a node's HTTP API. */
export function request(
  node: Pick<AnyNode, "httpAddr">,
  path: string,
  init?: RequestInit,
): Promise<Response> {
  return fetch(`http://${formatAddress(node.httpAddr)}${path}`, init);
}

/** Sends a mutation to a node's HTTP API; a `body` other than a string is sent as JSON. */
export function mutate(
  node: Pick<AnyNode, "httpAddr">,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return request(node, "/mutations", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Resolves once `isReached`, which is checked now and after each change of the clock. */
export function untilClock(clock: VersionedClock, isReached: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.onChange(check);
    function check() {
      if (!isReached()) return;
      stop();
      resolve();
    }
    check();
  });
}

/** Resolves once a node follows the epoch of another. */
export function untilFollows(node: AnyNode, root: AnyNode): Promise<void> {
  return untilClock(node.clock, () => node.clock.epoch === root.clock.epoch);
}
