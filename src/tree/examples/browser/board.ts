/**
 * A board in browser tabs, each of which is a replica: this process is a leaf of the running tree, and
 * serves the page.
 *
 * ```sh
 * npm start                # in one terminal
 * npm run example:board    # in another; open what it prints
 * ```
 *
 * All flags and variables of a node do what they do for any node; `--page-addr` is where the page is.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import {
  commandArguments,
  createHttp2Transport,
  environment,
  exit,
  listenHttp,
  listenHttp2,
  onStopSignal,
  writeErrorLine,
  writeLine,
} from "../../../runtime/node.ts";
import {
  ConfigError,
  createLogger,
  formatAddress,
  formatLogRecord,
  parseAddress,
  parseConfig,
  startNode,
} from "../../mod.ts";

/** What makes this process a leaf of the default tree, at ports of its own. */
const DEFAULTS = {
  TST_NAME: "board",
  TST_ROLE: "leaf",
  TST_ADDR: "127.0.0.1:0",
  TST_HTTP_ADDR: "127.0.0.1:0",
  TST_PARENT_ADDR: "127.0.0.1:19701,127.0.0.1:19702",
};
const PAGE_ADDR = "127.0.0.1:18800";

async function main(): Promise<void> {
  const args = commandArguments();
  const at = args.indexOf("--page-addr");
  const { host, port } = parseAddress(at < 0 ? PAGE_ADDR : (args.splice(at, 2)[1] ?? ""));
  const script = await bundle();
  let html = "";
  const page = await listenHttp(
    (request) =>
      new URL(request.url).pathname === "/page.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response(html, { headers: { "content-type": "text/html" } }),
    { host, port },
  );
  const origin = `http://${formatAddress({ host, port: page.port })}`;
  const set = Object.entries(environment()).filter(([, value]) => value !== "");
  const config = parseConfig(
    // The tabs' origin is not that of the node that they follow.
    { ...DEFAULTS, TST_CORS_ORIGINS: origin, ...Object.fromEntries(set) },
    args,
  );
  const log = createLogger(config.logLevel, Date.now, (record) =>
    writeLine(formatLogRecord(record)),
  );
  const transport = createHttp2Transport();
  const node = await startNode(config, {
    listenHttp,
    listenHttp2,
    transport: transport.fetch,
    log,
  });
  const template = await readFile(new URL("board.html", import.meta.url), "utf8");
  html = template.replace("{{node}}", `http://${formatAddress(node.httpAddr)}`);
  log.info("board ready", { open: origin });
  onStopSignal(async () => {
    await Promise.all([page.close(), node.close()]);
    await transport.close();
    exit(0);
  });
}

/** The page's script, with all that it imports. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  return outputFiles[0]!.text;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  for (const problem of error.problems) writeErrorLine(problem);
  exit(2);
}
