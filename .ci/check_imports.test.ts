import { describe, expect, it } from "vitest";
import { checkImports } from "./check_imports.ts";

describe("checkImports()", () => {
  it.each([
    ["machine/a.ts", `import { x } from "./b.ts";`],
    ["replication/a.ts", `import { Machine } from "../machine/mod.ts";`],
    ["replication/a.ts", `import wire from "../../gen/statesource.js";`],
    ["board/a.ts", `import type { Row } from "../http/mod.ts";`],
    ["runtime/a.ts", `import http from "node:http";`],
    ["telemetry/setup.ts", `import { MeterProvider } from "@opentelemetry/sdk-metrics";`],
    ["cli/a.ts", `const { listen } = await import("../runtime/node.ts");`],
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
    [
      "replication/a.ts",
      `import { parse } from "../machine/schema.ts";`,
      /machine\/mod\.ts instead/,
    ],
    ["http/a.ts", `export { x } from "../tree/mod.ts";`, /http may not import tree/],
    ["board/a.ts", `import { app } from "../http/mod.ts";`, /board may not import http/],
    ["machine/a.ts", `import x from "../../gen/flight_states.ts";`, /gen\/ is not allowed/],
    [
      "telemetry/a.ts",
      `import { MeterProvider } from "@opentelemetry/sdk-metrics";`,
      /not allowed/,
    ],
    ["elsewhere/a.ts", "", /not in the import table/],
    ["machine/a.ts", `import {\n  a,\n  b,\n} from "hono";`, /hono/],
    ["machine/a.ts", `await import("node:os");`, /node:os/],
  ])("refuses in %s: %s", (path, source, message) => {
    expect(checkImports(path, source).join("\n")).toMatch(message);
  });
});
