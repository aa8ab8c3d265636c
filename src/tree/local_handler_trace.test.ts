/** Local handlers in a trace: from a mutation to a handler on a leaf, by real OTLP. */

import { describe, expect, it } from "vitest";
import { OtlpReceiver } from "../testing/otlp_receiver.ts";
import { mutate, request, useTestNodes } from "../testing/test_node.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

describe("A local handler", () => {
  const nodes = useTestNodes();

  it("is a span below the span that applied the change, with its error, its log record and its metrics", async () => {
    const receiver = await OtlpReceiver.start();
    try {
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_TRACES_SAMPLER: "parentbased_always_off",
      };
      const root = await nodes.start(env, { telemetry: {} });
      const leaf = await nodes.startBelow([root], "leaf", env, { telemetry: {} });
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
      await mutate(
        leaf,
        { type: "add", states: ["Flight1Delayed"] },
        { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` },
      );
      await isDone;
      const metrics = await (await request(leaf, "/metrics")).text();
      expect(metrics).toMatch(/^machine_errors_total\{.*\} 1$/m);
      expect(metrics).toMatch(/^machine_handler_duration_count\{.*\} 4$/m);
      expect(metrics).toMatch(/^machine_subscriptions\{.*\} 0$/m);
      await nodes.close();

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
