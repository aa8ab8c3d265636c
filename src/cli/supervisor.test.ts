import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultTree } from "../tree/mod.ts";
import { findTakenPort, Supervisor } from "./supervisor.ts";

const [root, relay] = defaultTree() as [
  ReturnType<typeof defaultTree>[0],
  ReturnType<typeof defaultTree>[0],
];

describe("Supervisor", () => {
  let folder: string;
  let supervisor: Supervisor | undefined;
  let lines: string[];
  let waiting: { pattern: RegExp; resolve: (line: string) => void }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "supervisor of a tree "));
    lines = [];
    waiting = [];
  });

  afterEach(async () => {
    await supervisor?.stop();
    await rm(folder, { recursive: true });
  });

  function write(line: string): void {
    lines.push(line);
    for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
  }

  function nextLine(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => waiting.push({ pattern, resolve }));
  }

  async function supervise(source: string, places = [root]): Promise<Supervisor> {
    const path = join(folder, "node.mjs");
    await writeFile(path, source);
    const env = { ...process.env, TST_MACHINE: "./door.ts" };
    supervisor = new Supervisor({ places, script: pathToFileURL(path), env, write });
    return supervisor;
  }

  const LIVE = `console.log("up as " + process.env.TST_NAME); process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000);`;

  it("passes each process the variables of its node, and prefixes its output", async () => {
    const both = [nextLine(/^root +\| up as root$/), nextLine(/^rep-1 +\| up as rep-1$/)];
    (await supervise(LIVE, [root, relay])).start();
    await Promise.all(both);
    expect(await supervisor!.stop()).toBe(true);
    expect(supervisor!.pids.size).toBe(0);
  });

  it("gives the machine's module only to the root", async () => {
    const both = [nextLine(/^root +\| runs "\.\/door\.ts"$/), nextLine(/^rep-1 +\| runs ""$/)];
    const source = `console.log("runs " + JSON.stringify(process.env.TST_MACHINE)); ${LIVE}`;
    (await supervise(source, [root, relay])).start();
    await Promise.all(both);
  });

  it("restarts a killed node, and prints that", async () => {
    const up = nextLine(/up as root/);
    (await supervise(LIVE)).start();
    await up;
    const first = supervisor!.pids.get("root")!;
    const upAgain = nextLine(/up as root/);
    process.kill(first, "SIGKILL");
    await upAgain;
    expect(supervisor!.pids.get("root")).not.toBe(first);
    expect(lines.join("\n")).toMatch(/root +\| ended \(SIGKILL\), starts again in 250 ms/);
  });

  it("reports a node that cannot run as configured, and does not restart it", async () => {
    const source = `console.error("Cannot use TST_ADDR: it is odd"); process.exitCode = 2; process.disconnect();`;
    (await supervise(source)).start();
    expect(await supervisor!.failed).toBe("root: Cannot use TST_ADDR: it is odd");
  });

  it("kills a node that does not stop, and resolves to false", async () => {
    const up = nextLine(/up/);
    const source = `process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);`;
    (await supervise(source)).start();
    await up;
    expect(await supervisor!.stop()).toBe(false);
  });
});

describe("findTakenPort()", () => {
  it("names the node, the port and the variable", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      const places = [{ ...root, port: 0, httpPort: port }];
      expect(await findTakenPort(places)).toEqual({
        name: "root",
        port,
        variable: "TST_HTTP_ADDR",
      });
      expect(await findTakenPort([{ ...root, port, httpPort: 0 }])).toMatchObject({
        variable: "TST_ADDR",
      });
      expect(await findTakenPort([{ ...root, port: 0, httpPort: 0 }])).toBeUndefined();
    } finally {
      server.close();
    }
  });
});
