/**
 * The script of a page whose components read a machine in the page and a remote one, by `useSyncExternalStore`.
 * The test mutates and looks through `globalThis.page`.
 */

import {
  createElement,
  StrictMode,
  startTransition,
  useLayoutEffect,
  useSyncExternalStore,
} from "react";
import { createRoot } from "react-dom/client";
import { connect } from "../../client/mod.ts";
import { type ClockView, createMachine } from "../../machine/mod.ts";

type Store = Pick<ClockView, "subscribe" | "getSnapshot">;

const READERS = 60;
const MUTATIONS_MEANWHILE = 5;

/** What React and the page complain about. */
const problems: string[] = [];
for (const level of ["error", "warn"] as const) {
  console[level] = (...args: unknown[]) => problems.push(args.join(" "));
}
addEventListener("error", ({ message }) => problems.push(message));
addEventListener("unhandledrejection", ({ reason }) => problems.push(String(reason)));

const local = createMachine({
  Open: { remove: ["Closed"] },
  Closed: { remove: ["Open"] },
  Locked: {},
});
const remote = await connect(new URLSearchParams(location.search).get("node") ?? "");

const counts = { renders: 0, subscribers: 0, calls: 0 };

/** The store, with a count of React's subscriptions and of the calls they get. */
function counted({ subscribe, getSnapshot }: Store): Store {
  return {
    getSnapshot,
    subscribe(listener) {
      counts.subscribers++;
      const unsubscribe = subscribe((snapshot) => {
        counts.calls++;
        listener(snapshot);
      });
      return () => {
        counts.subscribers--;
        unsubscribe();
      };
    },
  };
}

function States({ view, id }: { view: Store; id: string }) {
  counts.renders++;
  return createElement("p", { id }, useSyncExternalStore(view.subscribe, view.getSnapshot).active);
}

/** Takes long enough to render that React lets the page work between some readers. */
function SlowReader({ view, onShown }: { view: Store; onShown: () => void }) {
  const { clock } = useSyncExternalStore(view.subscribe, view.getSnapshot);
  for (const untilMs = performance.now() + 1; performance.now() < untilMs; );
  // Runs when the document has all changes of a render, before anything else may run.
  useLayoutEffect(onShown);
  return createElement("i", undefined, JSON.stringify(clock));
}

function newRoot() {
  return createRoot(document.body.appendChild(document.createElement("div")));
}

const main = newRoot();

/**
 * Mutates a machine while React renders many readers of it, in pieces, and once more afterwards. Resolves to
 * the different clocks that the readers showed, each time React changed the document; to what they should show
 * at the end; and to how many mutations came before they showed anything.
 */
async function renderManyWhileMutating() {
  // A machine that nothing shows yet: a change of what is shown would make React start anew with the readers.
  const machine = createMachine({ Locked: {} });
  const element = document.body.appendChild(document.createElement("div"));
  const shown: string[][] = [];
  const onShown = () => {
    const readers = [...element.querySelectorAll("i")];
    shown.push([...new Set(readers.map(({ textContent }) => textContent))]);
  };
  const many = createRoot(element);
  startTransition(() => {
    const readers = Array.from({ length: READERS }, (_, key) =>
      createElement(SlowReader, { key, view: machine, onShown }),
    );
    many.render(readers);
  });
  let mutationsMeanwhile = 0;
  for (; mutationsMeanwhile < MUTATIONS_MEANWHILE; mutationsMeanwhile++) {
    await sleep(5);
    if (shown.length > 0) break;
    machine.toggle("Locked");
  }
  while (shown.length === 0) await sleep(5);
  machine.toggle("Locked");
  const clock = JSON.stringify(machine.clock());
  for (let i = 0; i < 200 && shown.at(-1)![0] !== clock; i++) await sleep(5);
  many.unmount();
  return { shown, clock, mutationsMeanwhile };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

main.render(
  createElement(
    StrictMode,
    undefined,
    createElement(States, { view: local, id: "local" }),
    createElement(States, { view: remote, id: "remote" }),
    createElement(States, { view: counted(local), id: "counted-local" }),
    createElement(States, { view: counted(remote), id: "counted-remote" }),
  ),
);

const page = { local, remote, problems, counts, main, renderManyWhileMutating };
Object.assign(globalThis, { page });

/** What the test sees of the page. */
export type ReactPage = typeof page;
