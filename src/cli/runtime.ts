/** The runtime of this process, so that one program runs on Node.js, Deno and Bun. */

type Runtime = Omit<typeof import("../runtime/node.ts"), "runtimeName"> & {
  readonly runtimeName: string;
};

async function loadRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) return await import("../runtime/deno.ts");
  if ("Bun" in globalThis) return await import("../runtime/bun.ts");
  return await import("../runtime/node.ts");
}

export const runtime: Runtime = await loadRuntime();
