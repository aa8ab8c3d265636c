/**
 * Asynchronous work as states: a handler starts it, the state's signal ends it, typed args carry its
 * input and its result.
 * Run it: `node src/machine/examples/async_handler.ts`.
 */

import { createMachine, defineSchema } from "../mod.ts";

const schema = defineSchema({
  Loading: { remove: ["Loaded"] },
  Loaded: { remove: ["Loading"] },
});

const page = createMachine(schema, { id: "page" }).withArgs<{
  Loading: { path: string };
  Loaded: { text: string };
}>();

/** In place of a request: responds only to `/fast`, and rejects when the signal aborts. */
function load(path: string, signal: AbortSignal): Promise<string> {
  if (path === "/fast") return Promise.resolve(`<h1>${path}</h1>`);
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

page.handle({
  LoadingEnter({ args }) {
    // Runs before anything changes: false cancels the transition.
    return args?.path.startsWith("/");
  },
  async LoadingState({ args, signal, machine }) {
    console.log(`loading ${args!.path}`);
    signal.addEventListener("abort", () => console.log(`left ${args!.path}`));
    const text = await load(args!.path, signal);
    // The signal aborts as soon as Loading's tick moves: a late response is dropped.
    if (!signal.aborted) machine.add("Loaded", { text });
  },
  LoadedState({ args }) {
    console.log(`loaded ${args!.text}`);
  },
});

console.log(`no slash: ${page.add("Loading", { path: "fast" }).result}`);

page.add("Loading", { path: "/never" });
page.remove("Loading");

page.add("Loading", { path: "/fast" });
await page.when("Loaded");
console.log(`errors: ${page.err?.message ?? "none"}`);
