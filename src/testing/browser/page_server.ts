/** Serves the test's page with its bundled script, and receives the findings of the page. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Finding } from "./page.ts";

/** Bundles the script of a page for browsers; libraries in it warn as during development. */
export async function bundlePage(script = "page.ts"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(script, import.meta.url))],
    bundle: true,
    minify: true,
    define: { "process.env.NODE_ENV": '"development"' },
    platform: "browser",
    format: "esm",
    write: false,
  });
  return outputFiles[0]!.text;
}

export class PageServer {
  readonly #server: Server;
  /** The last findings of each page, by its name. */
  readonly #findings = new Map<string, Finding>();
  #onFinding: (finding: Finding) => void = () => {};

  private constructor(script: string) {
    this.#server = createServer(async (request, response) => {
      if (request.method === "POST") {
        const finding = JSON.parse(await text(request)) as Finding;
        this.#findings.set(finding.name, finding);
        response.end();
        this.#onFinding(finding);
      } else if (request.url === "/page.js") {
        response.setHeader("content-type", "text/javascript").end(script);
      } else {
        response.setHeader("content-type", "text/html").end(this.#page(request.url ?? "/"));
      }
    });
  }

  /** Listens on a free port of loopback. */
  static async listen(script: string): Promise<PageServer> {
    const server = new PageServer(script);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The origin that the node must allow. */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves to the findings of a page once they match. */
  async until(name: string, isWanted: (finding: Finding) => boolean): Promise<Finding> {
    const last = this.#findings.get(name);
    if (last !== undefined && isWanted(last)) return last;
    return await new Promise((resolve) => {
      this.#onFinding = (finding) => {
        if (finding.name === name && isWanted(finding)) resolve(finding);
      };
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** A page that follows the node, and contains another page of an origin that the node does not allow. */
  #page(url: string): string {
    const { searchParams } = new URL(url, this.origin);
    const node = searchParams.get("node") ?? "";
    const stranger = new URLSearchParams({ node, name: "stranger" });
    const frame =
      searchParams.get("name") === "stranger"
        ? ""
        : `<iframe src="http://localhost:${this.port}/?${stranger}"></iframe>`;
    return `<!doctype html><title>Replica</title>${frame}<script type="module" src="/page.js"></script>`;
  }
}
