/** A machine and a remote one as stores of React: `useSyncExternalStore(view.subscribe, view.getSnapshot)`. */

import { afterEach, expect, it } from "vitest";
import { formatAddress } from "../../tree/mod.ts";
import { until } from "../faults/until.ts";
import { useTestNodes } from "../test_node.ts";
import { Chromium, findChromium } from "./chromium.ts";
import { bundlePage, PageServer } from "./page_server.ts";
import type { ReactPage } from "./react_page.ts";

const chromium = findChromium();
// CI has a Chromium; elsewhere the test is skipped.
const isSkipped = chromium === undefined && process.env.REQUIRE_CHROMIUM === undefined;
if (isSkipped) console.warn("Skipped: machines as stores of React, as there is no Chromium here");

const nodes = useTestNodes();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it.skipIf(isSkipped)(
  "React shows a machine and a remote one, each change of them, and nothing torn",
  async () => {
    if (chromium === undefined) throw new Error("Cannot run: there is no Chromium on the path");
    const server = await PageServer.listen(await bundlePage("react_page.ts"));
    ends.push(() => server.close());
    const root = await nodes.start();
    const leaf = await nodes.startBelow([root], "leaf", { TST_CORS_ORIGINS: server.origin });
    const query = new URLSearchParams({ node: `http://${formatAddress(leaf.httpAddr)}` });
    const browser = Chromium.open(chromium, `${server.origin}/?${query}`);
    ends.push(() => browser.close());

    /** Runs a function in the page. It sees nothing of this file. */
    const inPage = async <T>(run: (page: ReactPage) => T) =>
      (await browser.evaluate(`(${run})(globalThis.page)`)) as Awaited<T>;
    const problems = () => inPage(({ problems }) => problems);
    const shown = (machine: "local" | "remote") =>
      browser.evaluate(
        `["", "counted-"].map((prefix) => document.getElementById(prefix + "${machine}")?.textContent)`,
      );
    const untilShown = (machine: "local" | "remote", states: readonly string[]) =>
      until(`${machine}: ${states}`, async () => {
        expect(await problems()).toEqual([]);
        expect(await shown(machine)).toEqual([states.join(""), states.join("")]);
        return true;
      });
    const counts = () => inPage(({ counts }) => ({ ...counts }));

    await until("the page", () => browser.evaluate("globalThis.page !== undefined"));
    await untilShown("local", []);
    await untilShown("remote", root.clock.activeStates());

    // A change of each machine, in the page and at the root.
    await inPage(({ local }) => local.add("Open"));
    await untilShown("local", ["Open"]);
    await inPage(({ local }) => local.set(["Closed", "Locked"]));
    await untilShown("local", ["Closed", "Locked"]);
    await inPage(({ remote }) => remote.add("Flight7Delayed"));
    expect(root.machine!.is("Flight7Delayed")).toBe(true);
    await untilShown("remote", root.clock.activeStates());
    root.machine!.add("Flight8Delayed");
    await untilShown("remote", root.clock.activeStates());

    // Renders only what changed: none for a mutation that changes nothing.
    const before = await counts();
    expect(before.subscribers).toBe(2);
    await inPage(({ local }) => local.add("Locked"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await counts()).toEqual(before);
    await inPage(({ local }) => local.remove("Locked"));
    await untilShown("local", ["Closed"]);
    // Two components, rendered twice by the strict mode.
    expect((await counts()).renders).toBe(before.renders + 4);

    // All readers show one clock at any time, also when it changes while React renders them.
    const many = await inPage(({ renderManyWhileMutating }) => renderManyWhileMutating());
    expect(many.mutationsMeanwhile).toBeGreaterThan(0);
    expect(many.shown.filter((clocks) => clocks.length !== 1)).toEqual([]);
    expect(many.shown.at(-1)).toEqual([many.clock]);

    // Without its components, React listens no more.
    await inPage(({ main }) => main.unmount());
    const unmounted = await counts();
    expect(unmounted.subscribers).toBe(0);
    await inPage(async ({ local, remote }) => {
      local.toggle("Locked");
      await remote.toggle("Flight9Delayed");
    });
    expect(await counts()).toEqual(unmounted);

    expect(await problems()).toEqual([]);
  },
  60_000,
);
