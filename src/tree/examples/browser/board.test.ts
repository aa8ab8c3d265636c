/** The board in a real browser, on a real tree. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { Chromium, findChromium } from "../../../testing/browser/chromium.ts";
import { until } from "../../../testing/faults/until.ts";
import { useTestNodes } from "../../../testing/test_node.ts";
import { formatAddress } from "../../mod.ts";

const BOARD = fileURLToPath(new URL("board.ts", import.meta.url));
const chromium = findChromium();
const isSkipped = chromium === undefined && process.env.REQUIRE_CHROMIUM === undefined;

describe("The board in a browser", () => {
  const nodes = useTestNodes();
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** Resolves to the address of the page. */
  function startBoard(parent: string): Promise<string> {
    const child = spawn(process.execPath, [BOARD, "--page-addr", "127.0.0.1:0"], {
      env: { PATH: process.env.PATH, TST_PARENT_ADDR: parent },
      stdio: ["ignore", "pipe", "inherit"],
    });
    ends.push(() => child.kill("SIGKILL"));
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const match = /board ready .*open=(\S+)/.exec(line);
        if (match !== null) resolve(match[1]!);
      });
      child.once("exit", (code) => reject(new Error(`The board ended with code ${code}`)));
    });
  }

  it.skipIf(isSkipped)(
    "shows flights as they change, and delays one on a click",
    async () => {
      if (chromium === undefined) throw new Error("Cannot run: there is no Chromium on the path");
      const root = await nodes.start({ TST_DRAIN_MS: "0" });
      const machine = root.machine!;
      machine.add(["Flight1Outbound", "Flight1OnTime", "Flight1Gate3"]);
      const browser = Chromium.open(chromium, await startBoard(formatAddress(root.addr)));
      ends.push(() => browser.close());
      const rowOf = (flight: number) =>
        browser.evaluate(
          `document.querySelector("tr:nth-child(${flight}) .flight")?.parentElement.innerText.split("\\t").join(" ").trim()`,
        );
      const untilRow = (flight: number, text: string) =>
        until(`row ${flight} to be "${text}"`, async () => {
          const row = String(await rowOf(flight));
          if (row !== text) throw new Error(`it is "${row}"`);
          return true;
        });

      await untilRow(1, "Flight1 ↗ departure 3 On time delay");
      machine.add(["Flight2Inbound", "Flight2Arrived"]);
      await untilRow(2, "Flight2 ↘ arrival  Arrived");
      expect(await browser.evaluate(`document.querySelector("footer").innerText`)).toMatch(
        /^live.*root → board → this tab.*seq \d+.*ms old at most/s,
      );

      await browser.evaluate(`document.querySelector("[data-flight=Flight1]").click()`);
      await untilRow(1, "Flight1 ↗ departure 3 Delayed on time");
      expect(machine.is("Flight1Delayed")).toBe(true);
    },
    60_000,
  );
});
