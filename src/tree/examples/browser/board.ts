/**
 * A board in browser tabs, each of which is a replica. This process is a leaf of the running tree, and
 * serves the page.
 *
 * ```sh
 * npm start                # in one terminal
 * npm run example:board    # in another; open the printed address
 * ```
 *
 * It accepts all flags and variables of a node; `--page-addr` is the address of the page.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { commandArguments, listenHttp } from "../../../runtime/node.ts";
import { formatAddress, parseAddress } from "../../mod.ts";
import { configureLeaf, runExample, startLeaf } from "../example_leaf.ts";

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
  // The tabs have another origin than the node that they follow.
  const config = configureLeaf("board", args, { TST_CORS_ORIGINS: origin });
  const { node, log } = await startLeaf(config, () => page.close());
  const template = await readFile(new URL("board.html", import.meta.url), "utf8");
  html = template.replace("{{node}}", `http://${formatAddress(node.httpAddr)}`);
  log.info("board ready", { open: origin });
}

/** The page's script, with its imports. */
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

await runExample(main);
