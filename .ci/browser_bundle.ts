/** Bundles an entry of an installed package, as an application for browsers does. */

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

export interface BrowserBundle {
  /** Paths of the bundled files, from the project's folder. */
  readonly inputs: readonly string[];
  readonly bytes: number;
  readonly gzippedBytes: number;
}

/** Bundles all exports of `entry`. Rejects if one of its modules needs a runtime other than a browser. */
export async function bundleForBrowsers(entry: string, project: string): Promise<BrowserBundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export * from "${entry}";`, resolveDir: project },
    absWorkingDir: project,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const code = outputFiles[0]!.contents;
  return {
    inputs: Object.keys(metafile.inputs).filter((path) => path !== "<stdin>"),
    bytes: code.length,
    gzippedBytes: gzipSync(code).length,
  };
}
