/** The script of the board: a replica in the tab, drawn when its clock changes. */

import { boardRows } from "../../../flights/mod.ts";
import { fetchTransport, Replica } from "../../../replication/mod.ts";
import { renderRow, renderStatus } from "./view.ts";

/** Interval between updates of the age while nothing else changes, in milliseconds. */
const AGE_INTERVAL_MS = 250;
const MUTATION_TIMEOUT_MS = 5_000;

const rows = document.querySelector("tbody")!;
const line = document.querySelector("footer")!;
const notice = document.querySelector("output")!;

const replica = new Replica({
  name: `tab-${crypto.randomUUID().slice(0, 8)}`,
  // The page's server names the node to follow.
  addresses: [document.body.dataset.node!],
  transport: fetchTransport,
  tracer: { linkStatus: scheduleDraw },
});
replica.clock.onChange(scheduleDraw);
replica.start();
setInterval(drawStatus, AGE_INTERVAL_MS);

rows.addEventListener("click", async (event) => {
  const { flight } = (event.target as HTMLElement).dataset;
  if (flight === undefined) return;
  const type = activeStates().has(`${flight}Delayed`) ? "OnTime" : "Delayed";
  notice.value = "";
  try {
    const { result, rejected } = await replica.mutate(
      { type: "add", states: [`${flight}${type}`], idempotencyKey: crypto.randomUUID() },
      { signal: AbortSignal.timeout(MUTATION_TIMEOUT_MS), timeoutMs: MUTATION_TIMEOUT_MS },
    );
    if (result === "canceled") notice.value = `${flight} cannot be ${type}: ${rejected?.by}`;
  } catch (error) {
    notice.value = (error as Error).message;
  }
});

let isDue = false;

/** Draws once with the next frame, however many changes happen until then. */
function scheduleDraw(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawRows();
    drawStatus();
  });
}

function drawRows(): void {
  const active = activeStates();
  boardRows((state) => active.has(state)).forEach((row, index) => {
    const html = renderRow(row);
    const tr = rows.rows[index] ?? rows.insertRow();
    if (tr.dataset.html === html) return;
    tr.dataset.html = html;
    tr.innerHTML = html;
    tr.animate([{ backgroundColor: "#4a3f12" }, { backgroundColor: "transparent" }], 900);
  });
}

function drawStatus(): void {
  const { status, clock, path, bytesReceived } = replica;
  const version = clock.epoch === "" ? "" : clock.version;
  line.innerHTML = renderStatus({
    link: status,
    version,
    ageMs: replica.ageMs(),
    path,
    bytesReceived,
  });
}

function activeStates(): ReadonlySet<string> {
  return new Set(replica.clock.activeStates());
}
