import { describe, expect, it } from "vitest";
import { checkCircles, checkImports, checkTable, ENTRIES, RULES } from "./check_imports.ts";
import { drawGraph } from "./import_graph.ts";

describe("checkImports()", () => {
  it.each([
    ["machine/a.ts", `import { x } from "./b.ts";`],
    ["replication/mod.ts", `import { Machine } from "../machine/mod.ts";`],
    ["replication/mod.ts", `export { Publisher } from "./down/publisher.ts";`],
    ["replication/down/a.ts", `import { encode } from "../wire/messages.ts";`],
    ["replication/wire/a.ts", `import wire from "../../../gen/statesource.js";`],
    ["replication/wire/a.ts", `import { Machine } from "../../machine/mod.ts";`],
    ["telemetry/a.ts", `import type { Route } from "../http/mod.ts";`],
    ["runtime/a.ts", `import http from "node:http";`],
    ["telemetry/setup.ts", `import { MeterProvider } from "@opentelemetry/sdk-metrics";`],
    ["cli/a.ts", `const { listen } = await import("../runtime/node.ts");`],
    ["cli/a.ts", `import { schema } from "../flights/mod.ts";`],
    ["node/deno.ts", `import * as runtime from "../runtime/deno.ts";`],
    ["node/a.ts", `const { startTelemetry } = await import("../telemetry/setup.ts");`],
  ])("allows in %s: %s", (path, source) => {
    expect(checkImports(path, source)).toEqual([]);
  });

  it.each([
    ["machine/a.ts", `import fs from "node:fs";`, /node:fs/],
    [
      "machine/a.ts",
      `import { Replica } from "../replication/mod.ts";`,
      /machine may not import replication/,
    ],
    ["replication/up/a.ts", `import { x } from "../../machine/a.ts";`, /machine\/mod\.ts instead/],
    [
      "replication/up/a.ts",
      `import { serve } from "../down/server.ts";`,
      /replication\/up may not import replication\/down/,
    ],
    [
      "replication/down/a.ts",
      `import type { Link } from "../up/link.ts";`,
      /replication\/down may not import replication\/up/,
    ],
    ["replication/clock/a.ts", `import wire from "../../../gen/x.js";`, /gen\/ is not allowed/],
    ["replication/down/a.ts", `import protobuf from "protobufjs";`, /"protobufjs" is not allowed/],
    ["tree/a.ts", `import { x } from "../replication/up/link.ts";`, /replication\/mod\.ts instead/],
    ["tree/a.ts", `import { schema } from "../flights/mod.ts";`, /tree may not import flights/],
    ["tree/a.ts", `import { startNode } from "../node/node.ts";`, /tree may not import node/],
    [
      "node/a.ts",
      `import { MetricSet } from "../telemetry/mod.ts";`,
      /node may not import telemetry/,
    ],
    ["http/a.ts", `export { x } from "../tree/mod.ts";`, /http may not import tree/],
    ["telemetry/a.ts", `import { x } from "../http/mod.ts";`, /telemetry may not import http/],
    ["machine/a.ts", `import x from "../../gen/flight_states.ts";`, /gen\/ is not allowed/],
    [
      "telemetry/a.ts",
      `import { MeterProvider } from "@opentelemetry/sdk-metrics";`,
      /not allowed/,
    ],
    ["elsewhere/a.ts", "", /"elsewhere" is not in the import table/],
    ["machine/a.ts", `import {\n  a,\n  b,\n} from "hono";`, /hono/],
    ["machine/a.ts", `await import("node:os");`, /node:os/],
  ])("refuses in %s: %s", (path, source, message) => {
    expect(checkImports(path, source).join("\n")).toMatch(message);
  });
});

describe("checkTable()", () => {
  const known = Object.keys(RULES).map((key) => (key.endsWith(".ts") ? key : `${key}/mod.ts`));

  it("reports a folder that does not exist, as a key or in a rule", () => {
    const paths = [...known, ...ENTRIES];
    expect(checkTable(paths)).toEqual([]);
    expect(checkTable(paths, { ...RULES, board: { folders: ["views"], packages: [] } })).toEqual([
      'the import table names "board", which does not exist',
      'the import table names "views", which does not exist',
    ]);
  });
});

describe("checkCircles()", () => {
  const circles = (files: Record<string, string>) => checkCircles(new Map(Object.entries(files)));

  it("finds nothing where all imports point down", () => {
    const files = { "a/a.ts": `import "./b.ts"; import "../b/c.ts";`, "a/b.ts": "", "b/c.ts": "" };
    expect(circles(files)).toEqual([]);
  });

  it("prints a circle of files, type imports included", () => {
    const files = {
      "a.ts": `import { b } from "./b.ts";`,
      "b.ts": `import type { C } from "./c.ts";`,
      "c.ts": `export type { A } from "./a.ts";`,
      "d.ts": `import { a } from "./a.ts";`,
    };
    expect(circles(files)).toEqual(["circle of files: a.ts → b.ts → c.ts → a.ts"]);
  });

  it("prints the shortest circle through each file, and each circle once", () => {
    const files = {
      "a.ts": `import "./b.ts";`,
      "b.ts": `import "./a.ts";\nimport "./c.ts";`,
      "c.ts": `import "./a.ts";`,
    };
    expect(circles(files)).toEqual([
      "circle of files: a.ts → b.ts → a.ts",
      "circle of files: c.ts → a.ts → b.ts → c.ts",
    ]);
  });

  it("prints a circle of folders whose files form none", () => {
    const files = {
      "a/one.ts": `import "../b/two.ts";`,
      "b/two.ts": "",
      "b/three.ts": `import "../a/four.ts";`,
      "a/four.ts": "",
    };
    expect(circles(files)).toEqual(["circle of folders: a → b → a"]);
  });

  it("lets mod.ts list what the rooms of its folder export", () => {
    const files = {
      "a/mod.ts": `export { x } from "./room/x.ts";`,
      "a/y.ts": "",
      "a/room/x.ts": `import "../y.ts";`,
    };
    expect(circles(files)).toEqual([]);
    expect(circles({ ...files, "a/y.ts": `import "./room/z.ts";`, "a/room/z.ts": "" })).toEqual([
      "circle of folders: a → a/room → a",
    ]);
  });
});

describe("drawGraph()", () => {
  it("draws importers and what they import as a Mermaid flowchart", () => {
    const graph = new Map([
      ["tree", new Set(["replication/up"])],
      ["replication/up", new Set<string>()],
    ]);
    expect(drawGraph(graph)).toBe(
      'flowchart TD\n  n_tree["tree"] --> n_replication_up["replication/up"]',
    );
  });
});
