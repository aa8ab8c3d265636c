/** Local handlers in a trace: from a mutation to what a leaf makes of it, by real OTLP. */

import { afterEach, describe, expect, it } from "vitest";
import { createHttp2Transport, listenHttp, listenHttp2 } from "../runtime/node.ts";
import { startTelemetry } from "../telemetry/setup.ts";
import { OtlpReceiver } from "../testing/otlp_receiver.ts";
import { formatAddress } from "./address.ts";
import { parseConfig } from "./config.ts";
import { createLogger } from "./log.ts";
import { startNode, type TreeNode } from "./node.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

describe("A local handler", () => {
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = () => Promise.all(closers.splice(0).map((close) => close()));

  afterEach(closeAll);

  async function start(receiver: OtlpReceiver, env: Record<string, string>): Promise<TreeNode> {
    const all = {
      TST_ADDR: "127.0.0.1:0",
      TST_HTTP_ADDR: "127.0.0.1:0",
      TST_FEED: "none",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
      ...env,
    };
    const config = parseConfig(all);
    const telemetry = await startTelemetry({
      env: all,
      node: { name: config.name, role: config.role, version: "1.2.3", parents: config.parentAddrs },
      onProblem: (message) => {
        throw new Error(message);
      },
    });
    const transport = createHttp2Transport();
    const node = await startNode(config, {
      listenHttp,
      listenHttp2,
      transport: transport.fetch,
      log: createLogger("info", Date.now, (record) => telemetry.emitLog(record)),
      telemetry,
    });
    closers.push(async () => {
      await node.close();
      await transport.close();
      await telemetry.shutdown();
    });
    return node;
  }

  it("is a span under the one that applied what it is told of, with its error, its log record and its metrics", async () => {
    const receiver = await OtlpReceiver.start();
    try {
      const root = await start(receiver, {});
      const leaf = await start(receiver, {
        TST_NAME: "leaf",
        TST_PARENT_ADDR: formatAddress(root.addr),
      });
      await leaf.localMachine!.whenSynced();
      const calls: string[] = [];
      const { promise: isDone, resolve: done } = Promise.withResolvers<void>();
      leaf.localMachine!.handle(
        {
          StartState: () => void calls.push("untraced"),
          async Flight1DelayedState() {
            calls.push("traced");
            await Promise.resolve();
            throw new TypeError("made up");
          },
          AnyState({ change }) {
            if (change.traceContexts.length > 0) done();
          },
        },
        { id: "board" },
      );
      root.machine!.add("Start");
      await leaf.localMachine!.when("Start");
      await fetch(`http://${formatAddress(leaf.httpAddr)}/mutations`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`,
        },
        body: JSON.stringify({ type: "add", states: ["Flight1Delayed"] }),
      });
      await isDone;
      const metrics = await (await fetch(`http://${formatAddress(leaf.httpAddr)}/metrics`)).text();
      expect(metrics).toMatch(/^machine_errors_total\{.*\} 1$/m);
      expect(metrics).toMatch(/^machine_handler_duration_count\{.*\} 4$/m);
      expect(metrics).toMatch(/^machine_subscriptions\{.*\} 0$/m);
      await closeAll();

      expect(calls).toEqual(["untraced", "traced"]);
      const [apply, ...others] = receiver.spans.filter(({ name }) => name === "apply flights");
      expect(others).toEqual([]);
      const handlers = receiver.spans.filter(({ name }) => name === "handler");
      expect(handlers.map(({ attributes }) => attributes["machine.handler.name"]).sort()).toEqual([
        "AnyState",
        "Flight1DelayedState",
      ]);
      for (const handler of handlers) {
        expect(handler).toMatchObject({
          traceId: TRACE_ID,
          parentSpanId: apply!.spanId,
          kind: "INTERNAL",
          attributes: {
            "machine.handler.binding": "board",
            "machine.id": "flights",
            "machine.version": apply!.attributes["machine.version"],
          },
        });
        expect(handler.startNs).toBeGreaterThanOrEqual(apply!.startNs);
      }
      const failed = handlers.find(({ attributes }) => "error.type" in attributes);
      expect(failed?.attributes).toMatchObject({
        "machine.handler.name": "Flight1DelayedState",
        "error.type": "TypeError",
      });
      expect(receiver.logs.filter(({ eventName }) => eventName === "handler.failed")).toMatchObject(
        [{ severity: "ERROR", traceId: TRACE_ID, spanId: apply!.spanId }],
      );
    } finally {
      await receiver.close();
    }
  });
});
