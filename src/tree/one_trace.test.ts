/** The whole trace of one mutation on a leaf: nine nodes, real sockets, real OTLP. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OtlpSpan } from "../testing/otlp.ts";
import { OtlpReceiver } from "../testing/otlp_receiver.ts";
import { mutate, TestNodes, untilClock, untilFollows } from "../testing/test_node.ts";
import { formatAddress } from "./address.ts";
import { defaultTree, type TreePlace } from "./default_tree.ts";
import type { TreeNode } from "./node.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN_ID = "b7ad6b7169203331";
const RELAYS = ["rep-1", "rep-2"];
const LEAVES = ["rep-1-1", "rep-1-2", "rep-1-3", "rep-2-1", "rep-2-2", "rep-2-3"];

let receiver: OtlpReceiver;
const running = new TestNodes();
const nodes = new Map<string, TreeNode>();
let version = "";

async function start(place: TreePlace, places: readonly TreePlace[]): Promise<void> {
  const upstreams = place.upstreamPorts.map(
    (port) => nodes.get(places.find((other) => other.port === port)!.name)!,
  );
  const env = {
    TST_ROLE: place.role,
    TST_PUSH_INTERVAL_MS: "0",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    // Only what the caller traces is traced.
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
  };
  nodes.set(place.name, await running.startBelow(upstreams, place.name, env, { telemetry: {} }));
}

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const places = defaultTree();
  for (const place of places) await start(place, places);
  const root = nodes.get("root")!;
  for (const node of nodes.values()) await untilFollows(node, root);

  const leaf = nodes.get("rep-1-1")!;
  // A mutation that is not traced comes first: nothing of it may show.
  await mutate(leaf, { type: "add", states: ["Start"] });
  const response = await mutate(
    leaf,
    { type: "add", states: ["Flight1Delayed", "Flight1Gate2"] },
    { traceparent: `00-${TRACE_ID}-${CLIENT_SPAN_ID}-01` },
  );
  ({ version } = (await response.json()) as { version: string });
  for (const { clock } of nodes.values()) await untilClock(clock, () => clock.version === version);
  await running.close();
});

afterAll(async () => {
  await running.close();
  await receiver.close();
});

const named = (name: string) => receiver.spans.filter((span) => span.name === name);
const nodeOf = (span: OtlpSpan) => span.resource["service.instance.id"] as string;
const parentOf = (span: OtlpSpan) =>
  receiver.spans.find(({ spanId }) => spanId === span.parentSpanId);

describe("One mutation on a leaf", () => {
  it("is one trace, in which only the parent span of the client is missing", () => {
    expect(receiver.errors).toEqual([]);
    expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
    const orphans = receiver.spans.filter((span) => parentOf(span) === undefined);
    expect(orphans).toMatchObject([
      { name: "POST /mutations", parentSpanId: CLIENT_SPAN_ID, kind: "SERVER" },
    ]);
    expect(new Set(receiver.spans.map(nodeOf))).toEqual(new Set(nodes.keys()));
    expect(receiver.spans.every(({ droppedAttributes }) => droppedAttributes === 0)).toBe(true);
  });

  it("goes up hop by hop, from the request to the transition", () => {
    const [transition] = named("transition").filter(
      ({ attributes }) => attributes["machine.mutation.type"] === "add",
    );
    const path: OtlpSpan[] = [];
    for (let span = transition; span !== undefined; span = parentOf(span)) path.unshift(span);
    const mutate = "statesource.v1.StateSourceService/Mutate";
    expect(path.map((span) => [nodeOf(span), span.kind, span.name])).toEqual([
      ["rep-1-1", "SERVER", "POST /mutations"],
      ["rep-1-1", "CLIENT", mutate],
      ["rep-1", "SERVER", mutate],
      ["rep-1", "CLIENT", mutate],
      ["root", "SERVER", mutate],
      ["root", "INTERNAL", "transition"],
    ]);
    expect(path[0]!.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/mutations",
      "url.path": "/mutations",
      "url.scheme": "http",
      "http.response.status_code": 200,
    });
    expect(path[1]!.attributes).toMatchObject({
      "rpc.system.name": "connectrpc",
      "rpc.method": mutate,
      "rpc.response.status_code": "ok",
      "machine.mutation.type": "add",
      "machine.transition.result": "executed",
      "machine.version": version,
      "server.address": formatAddress(nodes.get("rep-1")!.addr),
    });
    // Each span is within its parent, up to the differences of the clocks.
    for (const [i, inner] of path.entries()) {
      const outer = path[i - 1];
      if (outer === undefined) continue;
      expect(inner.startNs).toBeGreaterThanOrEqual(outer.startNs - 2_000_000n);
      expect(inner.endNs).toBeGreaterThanOrEqual(inner.startNs);
    }
  });

  it("has the effect of the transition", () => {
    const [transition, ...rest] = named("transition");
    expect(rest).toEqual([]);
    expect(transition!.attributes).toEqual({
      "machine.id": "flights",
      "machine.transition.id": expect.stringMatching(/^flights-\d+$/),
      "machine.mutation.type": "add",
      "machine.mutation.states": ["Flight1Delayed", "Flight1Gate2"],
      "machine.transition.result": "executed",
      "machine.states.added": expect.arrayContaining(["Flight1Delayed", "Flight1Gate2"]),
      "machine.states.removed": expect.any(Array),
      "machine.time.before": expect.any(Number),
      "machine.time.after": expect.any(Number),
      "machine.queue.wait": 0,
      "machine.version": version,
      "replication.seq": Number(version.split("-")[1]),
    });
    const { attributes } = transition!;
    expect(attributes["machine.time.after"]).toBeGreaterThan(
      attributes["machine.time.before"] as number,
    );
  });

  it("goes down to all eight replicas: one publish per downstream, with its apply under it", () => {
    const hops = named("apply flights").map((apply) => {
      const publish = parentOf(apply)!;
      expect(publish).toMatchObject({ name: "publish flights", kind: "PRODUCER" });
      expect(apply).toMatchObject({
        kind: "CONSUMER",
        attributes: {
          "messaging.system": "statesource",
          "messaging.operation.name": "apply",
          "messaging.operation.type": "process",
          "messaging.destination.name": "flights",
          "machine.version": version,
          "replication.push.kind": "diff",
          "replication.lag": expect.any(Number),
        },
      });
      expect(publish.attributes).toMatchObject({
        "messaging.operation.type": "send",
        "replication.downstream": nodeOf(apply),
        "machine.version": version,
      });
      const cause = parentOf(publish)!;
      expect(nodeOf(cause)).toBe(nodeOf(publish));
      return [nodeOf(publish), cause.name, nodeOf(apply)];
    });
    expect(hops.toSorted()).toEqual([
      ...LEAVES.slice(0, 3).map((leaf) => ["rep-1", "apply flights", leaf]),
      ...LEAVES.slice(3).map((leaf) => ["rep-2", "apply flights", leaf]),
      ...RELAYS.map((relay) => ["root", "transition", relay]),
    ]);
    expect(named("publish flights")).toHaveLength(8);
  });

  it("has one service per tier, so that a service graph shows the tree", () => {
    const services = new Map(
      receiver.spans.map(({ resource }) => [
        resource["service.instance.id"],
        [resource["service.name"], resource["tree.level"], resource["tree.parent"]],
      ]),
    );
    const upstreamOf = (...names: string[]) =>
      names.map((name) => formatAddress(nodes.get(name)!.addr)).join(",");
    const expected = new Map<string, unknown[]>([["root", ["tree-root", 0, undefined]]]);
    for (const relay of RELAYS) expected.set(relay, ["tree-relay", 1, upstreamOf("root")]);
    for (const leaf of LEAVES.slice(0, 3))
      expected.set(leaf, ["tree-leaf", 2, upstreamOf("rep-1", "rep-2")]);
    for (const leaf of LEAVES.slice(3))
      expected.set(leaf, ["tree-leaf", 2, upstreamOf("rep-2", "rep-1")]);
    expect(services).toEqual(expected);
    expect(receiver.spans[0]!.resource).toMatchObject({
      "service.namespace": "tree-state-source",
      "service.version": "1.2.3",
      "deployment.environment.name": "test",
    });
  });

  it("has log records of the same trace on the root and on every replica", () => {
    const records = receiver.logs.filter(({ traceId }) => traceId === TRACE_ID);
    const spanIds = new Map(receiver.spans.map((span) => [span.spanId, span.name]));
    const told = records.map(({ resource, eventName, spanId, severity }) => [
      resource["service.instance.id"],
      eventName,
      severity,
      spanIds.get(spanId),
    ]);
    expect(told.toSorted()).toEqual(
      [
        ...[...RELAYS, ...LEAVES].map((name) => [name, "diff.applied", "INFO", "apply flights"]),
        ["root", "transition.executed", "INFO", "transition"],
      ].toSorted(),
    );
    for (const { attributes, eventName } of records) {
      expect(attributes).toMatchObject({ event_name: eventName, "machine.version": version });
    }
    const others = new Set(
      receiver.logs.filter(({ traceId }) => traceId === "").map(({ eventName }) => eventName),
    );
    expect(others).toContain("node.started");
    expect(others).toContain("link.live");
    expect(others).toContain("node.stopped");
  });

  it("is exported as protobuf and as JSON", () => {
    const types = new Set(
      receiver.requests.map(({ path, headers }) => `${path} ${headers["content-type"]}`),
    );
    expect(types).toEqual(
      new Set(["/v1/traces application/x-protobuf", "/v1/logs application/json"]),
    );
  });
});
