/**
 * The package as its users get it: packed, installed by npm into new projects outside of this repository, compiled
 * there, run on Node.js, Deno and Bun, and bundled for browsers.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTakenPort } from "../src/cli/supervisor.ts";
import { Cleanup, eventually, Program } from "../src/testing/stack/process.ts";
import { defaultTree } from "../src/tree/mod.ts";
import { bundleForBrowsers } from "./browser_bundle.ts";
import {
  CONSUMER_PROGRAMS,
  type ConsumerProject,
  createConsumerProject,
  OLDER_TYPESCRIPT,
  OLDER_TYPESCRIPT_FOLDER,
} from "./consumer_project.ts";
import { entryNames, PROJECT_ROOT, promisedFiles, readManifest } from "./package_entries.ts";
import { installNode, run } from "./run_program.ts";

const manifest = readManifest();
const entries = entryNames(manifest);
/** The oldest version that package.json allows, and the one that runs the tests. */
const OLDEST_NODE = manifest.engines.node.replace(">=", "");
const nodes = new Map<string, string>([[process.versions.node, process.execPath]]);
const NODENEXT = ["--module", "nodenext"];
const BUNDLER = ["--module", "esnext", "--moduleResolution", "bundler"];
/** None of the variables that configure nodes. */
const NO_VARIABLES = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(TST_|OTEL_|NODE_OPTIONS$)/.test(name))
    .map((name) => [name, ""]),
);

/** Paths of code that only developers of this project run. */
const FOR_DEVELOPERS = /\.(test|bench)\.|\/(testing|bench|examples|generators)\//;

const cleanup = new Cleanup();
let project: ConsumerProject;
let installed: string;

beforeAll(async () => {
  nodes.set(OLDEST_NODE, installNode(OLDEST_NODE));
  project = createConsumerProject(cleanup.folder(), manifest);
  installed = join(project.folder, "node_modules", manifest.name);
  const shop = readFileSync(join(PROJECT_ROOT, "src/tree/examples/print_shop.ts"), "utf8");
  const imports = shop
    .replace("../../machine/mod.ts", `${manifest.name}/machine`)
    .replace("../../node/node.ts", `${manifest.name}/node`);
  writeFileSync(join(project.folder, "print_shop.ts"), imports);
});
afterAll(() => cleanup.run());

/** Compiles all files of the project, with no option but these. */
function compile(node: string, compiler: string, options: readonly string[], out: string): void {
  const tsc = join(project.folder, "node_modules", compiler, "bin/tsc");
  run(node, [tsc, "--strict", ...options, "--outDir", out, ...project.sources], project.folder);
}

describe("npm pack", () => {
  it("packs what package.json promises", () => {
    expect(promisedFiles(manifest).filter((path) => !project.packed.includes(path))).toEqual([]);
  });

  it("packs only code that runs for users, with its declarations and source maps", () => {
    const others = project.packed.filter((path) => !path.startsWith("dist/"));
    expect(others.sort()).toEqual(["LICENSE", "README.md", "package.json"]);
    const code = project.packed.filter((path) => path.startsWith("dist/"));
    expect(code.filter((path) => !/\.(js|js\.map|d\.ts)$/.test(path))).toEqual([]);
    expect(code.filter((path) => FOR_DEVELOPERS.test(path))).toEqual([]);
    const written = code.filter((path) => path.startsWith("dist/src/") && path.endsWith(".js"));
    expect(written.length).toBeGreaterThan(100);
    for (const path of written) {
      expect(code).toContain(path.replace(/\.js$/, ".d.ts"));
      expect(code).toContain(`${path}.map`);
    }
    console.log(`${project.packed.length} files, ${kilobytes(project.packedBytes)} packed`);
  });

  it("packs each file that a packed file imports", () => {
    const missing: string[] = [];
    for (const path of project.packed.filter((path) => /\.(js|d\.ts)$/.test(path))) {
      const text = readFileSync(join(installed, path), "utf8");
      for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g)) {
        // In declarations, the compiler takes "x.ts" for the declarations of "x.js".
        const file = path.endsWith(".d.ts") ? target!.replace(/(\.ts|\.js)$/, ".d.ts") : target!;
        if (!project.packed.includes(join(dirname(path), file))) {
          missing.push(`${path}: ${target}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it("packs source maps that hold their sources", () => {
    const map = JSON.parse(readFileSync(join(installed, "dist/src/machine/mod.js.map"), "utf8"));
    expect(map.sourcesContent[0]).toContain("State machines with relations and a logical clock");
  });
});

describe("npm publish", () => {
  it("passes a dry run", () => {
    const output = run("npm", ["publish", "--dry-run", "--tag", "next"], PROJECT_ROOT, "stderr");
    const warnings = output.match(/npm warn publish .*/g) ?? [];
    expect(warnings.filter((line) => !line.includes("requires you to be logged in"))).toEqual([]);
  });
});

describe("deno publish", () => {
  it("passes a dry run, without slow types, and takes no tests", () => {
    const output = run("deno", ["publish", "--dry-run", "--allow-dirty"], PROJECT_ROOT, "stderr");
    const taken = [...output.matchAll(/file:\/\/\S+\/((?:src|gen)\/\S+) /g)].map(
      ([, path]) => path!,
    );
    expect(taken.length).toBeGreaterThan(100);
    expect(taken.filter((path) => FOR_DEVELOPERS.test(path))).toEqual([]);
  });
});

describe.each([OLDEST_NODE, process.versions.node])("on Node.js %s", (version) => {
  const node = () => nodes.get(version)!;

  it("runs as that version", () => {
    expect(run(node(), ["--version"], project.folder).trim()).toBe(`v${version}`);
  });

  it.each([
    ["nodenext", NODENEXT],
    ["nodenext and only the types of Node.js", [...NODENEXT, "--lib", "es2024", "--types", "node"]],
    ["bundler", BUNDLER],
  ])("compiles with --strict under %s, without skipLibCheck", (name, options) => {
    const out = join(project.folder, `out-${name}`);
    compile(node(), "typescript", options, out);
    expect(readdirSync(out)).toContain("every_entry.js");
  });

  it.each(CONSUMER_PROGRAMS)("runs the program $name", ({ name, output }) => {
    const compiled = join(project.folder, "out-nodenext", `${name}.js`);
    expect(run(node(), [compiled], project.folder)).toMatch(output);
  });

  it("takes the entry of Node.js", () => {
    expect(run(node(), ["resolved.mjs"], project.folder)).toMatch(/\/src\/node\/node\.js\n$/);
  });

  it("requires the machine from CommonJS", () => {
    const script = `console.log(typeof require("${manifest.name}/machine").createMachine)`;
    expect(run(node(), ["-e", script, "--input-type=commonjs"], project.folder)).toBe("function\n");
  });
});

describe(`TypeScript ${OLDER_TYPESCRIPT}`, () => {
  it.each([
    ["nodenext", NODENEXT],
    // Its default target is older than promises.
    ["bundler", [...BUNDLER, "--target", "es2022"]],
  ])("compiles the same under %s", (name, options) => {
    const out = join(project.folder, `older-out-${name}`);
    compile(process.execPath, OLDER_TYPESCRIPT_FOLDER, options, out);
    expect(readdirSync(out)).toContain("every_entry.js");
  });
});

describe.each(["Deno", "Bun"])("on %s", (name) => {
  const [command, ...args] = name === "Deno" ? ["deno", "run", "-A"] : ["bun"];

  it.each(CONSUMER_PROGRAMS)("runs the program $name, uncompiled", ({ name, output }) => {
    expect(run(command!, [...args, `${name}.ts`], project.folder)).toMatch(output);
  });

  it("takes its own entry", () => {
    const entry = `/src/node/${name.toLowerCase()}.js\n`;
    expect(run(command!, [...args, "resolved.mjs"], project.folder).endsWith(entry)).toBe(true);
  });

  it("loads every entry", () => {
    expect(run(command!, [...args, "every_entry.ts"], project.folder)).toBe(
      entries.map((entry) => `${entry}\n`).join(""),
    );
  });
});

describe("on Deno", () => {
  it("has types that Deno accepts", () => {
    run("deno", ["check", ...project.sources], project.folder);
  });
});

describe.each([
  ["Node.js", process.execPath],
  ["Deno", "deno", "run", "-A"],
  ["Bun", "bun"],
])("the print shop on %s", (_, command, ...args) => {
  const start = (...more: string[]) => {
    const program = new Program(command, {
      args: [...args, "print_shop.ts", ...more],
      cwd: project.folder,
      env: NO_VARIABLES,
    });
    cleanup.add(() => program.stop());
    return program;
  };

  it("runs as a root, a relay and two screens, each a process", async () => {
    const [, root] = await start("root").line(/^(127\.0\.0\.1:\d+)$/);
    const [, relay] = await start("relay", root!).line(/^(127\.0\.0\.1:\d+)$/);
    const screens = [start("screen", relay!, "menu", "200"), start("screen", relay!, "map", "200")];
    for (const screen of screens) {
      await screen.line(/is number [12]$/);
      await screen.line(/^idle at [0-9a-f]{16}-\d+, \d+ ms old$/);
      expect(await screen.exit(), screen.tail()).toBe(0);
    }
  });
});

describe.each([OLDEST_NODE, process.versions.node])(
  "tree-state-source on Node.js %s",
  (version) => {
    const command = () => join(project.folder, "node_modules/.bin/tree-state-source");
    const env = () => ({
      ...NO_VARIABLES,
      PATH: `${dirname(nodes.get(version)!)}:${process.env.PATH}`,
    });
    const start = (args: string[], variables = {}) =>
      new Program(command(), { args, cwd: project.folder, env: { ...env(), ...variables } });

    async function runToEnd(...args: string[]): Promise<{ code: number | null; output: string }> {
      const program = start(args);
      return { code: await program.exit(), output: program.lines.join("\n") };
    }

    it("prints its version, and how to use it", async () => {
      expect(await runToEnd("--version")).toEqual({ code: 0, output: manifest.version });
      const help = await runToEnd("--help");
      expect(help.code).toBe(0);
      expect(help.output).toContain("tree-state-source node FLAGS");
      const nodeHelp = await runToEnd("node", "--help");
      expect(nodeHelp.code).toBe(0);
      expect(nodeHelp.output).toMatch(/^tree-state-source node FLAGS .*TST_PARENT_ADDR/s);
      expect((await runToEnd("start", "--help")).output).toMatch(/^tree-state-source start /);
    });

    it("refuses unknown commands and flags with exit code 2, in one line", async () => {
      expect(await runToEnd("nod")).toEqual({
        code: 2,
        output: 'Cannot run "nod": the commands are node and start; see --help',
      });
      expect((await runToEnd()).code).toBe(2);
      const { code, output } = await runToEnd("node", "--nonsense", "1");
      expect(code).toBe(2);
      expect(output).toMatch(/^Cannot use argument "--nonsense": the flags are [^\n]*(\n[^\n]*)?$/);
    });

    it("runs one node, which responds and stops with exit code 0", async () => {
      const node = start(["node", "--addr", "127.0.0.1:0", "--http-addr=127.0.0.1:0"]);
      cleanup.add(() => node.stop());
      const [, address] = await node.line(/node started .*http=(\S+)/);
      expect((await fetch(`http://${address}/readyz`)).status).toBe(200);
      // The feed loads its data first.
      await eventually(async () => {
        const response = await fetch(`http://${address}/states/Ready`);
        expect(await response.json()).toMatchObject({ active: true });
      });
      await node.stop();
      expect(await node.exit(), node.tail()).toBe(0);
    });

    it("runs a root with a machine of the user's own", async () => {
      const root = start(["node", "--machine", "door.mjs"], {
        TST_ADDR: "127.0.0.1:0",
        TST_HTTP_ADDR: "127.0.0.1:0",
      });
      cleanup.add(() => root.stop());
      const [, address] = await root.line(/node started .*http=(\S+)/);
      const response = await fetch(`http://${address}/states`);
      expect(await response.json()).toMatchObject({ machine: "door" });
      await root.stop();
      expect(await root.exit(), root.tail()).toBe(0);
    });

    it("starts the whole tree, and stops it with exit code 0", async () => {
      const { offset, leaf } = await freeTree();
      const tree = start(["start"], { TST_PORT_OFFSET: `${offset}`, TST_FEED: "none" });
      cleanup.add(() => tree.stop());
      await tree.line(/^All 9 nodes are ready/);
      expect((await fetch(`http://127.0.0.1:${leaf}/states`)).status).toBe(200);
      await tree.stop();
      expect(await tree.exit(), tree.tail()).toBe(0);
    });
  },
);

/** An offset at which all ports of the tree are free, below the range of ephemeral ports; and the port of a leaf. */
async function freeTree(): Promise<{ offset: number; leaf: number }> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const offset = Math.floor(Math.random() * 18_000) - 8_000;
    const places = defaultTree(offset);
    if ((await findTakenPort(places)) === undefined)
      return { offset, leaf: places.at(-1)!.httpPort };
  }
  throw new Error("Cannot start a tree: no 18 ports are free");
}

describe("a bundle for browsers", () => {
  it.each([
    ["machine", /^tree-state-source\/dist\/src\/machine\//],
    [
      "client",
      /^tree-state-source\/dist\/(gen\/statesource\.js|src\/(client|machine|replica_machine|replication)\/)|^(protobufjs|long)\//,
    ],
  ])("of %s has only what it needs", async (entry, needed) => {
    const bundle = await bundleForBrowsers(`${manifest.name}/${entry}`, project.folder);
    const packages = bundle.inputs.map((path) => path.replace("node_modules/", ""));
    expect(packages.filter((path) => !needed.test(path))).toEqual([]);
    console.log(
      `${entry}: ${kilobytes(bundle.bytes)} minified, ${kilobytes(bundle.gzippedBytes)} with gzip`,
    );
  });
});

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
