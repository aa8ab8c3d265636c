/** The single file that the image runs: built as in the Dockerfile, run without node_modules. */

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OtlpReceiver } from "../otlp_receiver.ts";
import { Cleanup, eventually, Program } from "./process.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

describe("npm run bundle", () => {
  const cleanup = new Cleanup();
  let path: string;
  let receiver: OtlpReceiver;
  let node: Program;
  let url: string;

  beforeAll(async () => {
    const folder = cleanup.folder();
    path = join(folder, "node.mjs");
    const { status, stderr } = spawnSync("npm", ["run", "bundle", "--", `--outfile=${path}`], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
    receiver = await OtlpReceiver.start();
    cleanup.add(() => receiver.close());
    node = new Program(process.execPath, {
      args: [path],
      cwd: folder,
      env: {
        TST_ROLE: "",
        TST_NAME: "",
        TST_PARENT_ADDR: "",
        TST_FEED: "none",
        TST_ADDR: "127.0.0.1:0",
        TST_HTTP_ADDR: "127.0.0.1:0",
        OTEL_SDK_DISABLED: "",
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: "100",
      },
    });
    cleanup.add(() => node.stop());
    const [, address] = await node.line(/node started .*http=(\S+)/);
    url = `http://${address}`;
  }, 60_000);

  afterAll(() => cleanup.run(), 30_000);

  it("builds one file of less than a megabyte", () => {
    expect(statSync(path).size).toBeLessThan(1e6);
  });

  it("runs a node that responds, and knows its version", async () => {
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(metrics).toContain(`service_version="${version}"`);
    expect(metrics).toContain("process_uptime{");
  });

  it("sends traces, whose code is loaded only if an endpoint is set", async () => {
    const response = await fetch(`${url}/mutations`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ type: "add", states: ["Start"] }),
    });
    expect(await response.json()).toMatchObject({ result: "executed" });
    await eventually(() => {
      const names = receiver.spans
        .filter((span) => span.traceId === TRACE_ID)
        .map(({ name }) => name);
      expect(names).toContain("transition");
    });
    expect(receiver.errors).toEqual([]);
  });

  it("stops on request, with exit code 0", async () => {
    await node.stop();
    expect(await node.exit()).toBe(0);
    expect(node.lines.at(-1)).toContain("node stopped");
  });
});
