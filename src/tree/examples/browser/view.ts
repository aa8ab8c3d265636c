/** Renders the board in a browser: functions from the replica's state to HTML. */

import type { BoardRow } from "../../../flights/mod.ts";

/** The link and the clock behind the board. */
export interface BoardStatus {
  /** `Replica.status`. */
  readonly link: string;
  /** `<epoch>-<seq>`; empty before the first sync. */
  readonly version: string;
  /** Milliseconds since the clock was proven to be the root's; Infinity before the first sync. */
  readonly ageMs: number;
  /** Node names from the root to the upstream. */
  readonly path: readonly string[];
  readonly bytesReceived: number;
}

const STATUS_TEXT: Readonly<Record<string, string>> = {
  OnTime: "On time",
  Delayed: "Delayed",
  Departed: "Departed",
  Arrived: "Arrived",
  Scheduled: "Scheduled",
};

/** The cells of a row. Its button delays the flight in `data-flight`, or reverts that. */
export function renderRow({ flight, direction, status, gate, goToGate }: BoardRow): string {
  const where =
    direction === undefined ? "" : direction === "Outbound" ? "↗ departure" : "↘ arrival";
  const shown = direction === undefined ? "" : (STATUS_TEXT[status ?? ""] ?? "");
  const kind = goToGate ? "call" : shown === "" ? "free" : (status ?? "free").toLowerCase();
  const button =
    direction === undefined || status === "Departed" || status === "Arrived"
      ? ""
      : `<button data-flight="${toHtml(flight)}">${status === "Delayed" ? "on time" : "delay"}</button>`;
  return [
    `<td class="flight">${toHtml(flight)}</td>`,
    `<td class="where">${where}</td>`,
    `<td class="gate">${toHtml(gate ?? "")}</td>`,
    `<td class="status ${kind}">${goToGate ? "Go to gate" : shown}</td>`,
    `<td class="act">${button}</td>`,
  ].join("");
}

/** One line: how current the board is. */
export function renderStatus({ link, version, ageMs, path, bytesReceived }: BoardStatus): string {
  const way =
    path.length === 0 ? "no path to the root yet" : `${path.map(toHtml).join(" → ")} → this tab`;
  const seq = version === "" ? "–" : version.slice(version.indexOf("-") + 1);
  return [
    `<b class="${link}">${link}</b>`,
    `<span>${way}</span>`,
    `<span>seq ${seq}</span>`,
    `<span>${renderAge(ageMs)}</span>`,
    `<span>${(bytesReceived / 1024).toFixed(1)} KiB received</span>`,
  ].join("");
}

function renderAge(ageMs: number): string {
  if (ageMs === Infinity) return "age unknown";
  return ageMs < 10_000
    ? `${Math.ceil(ageMs)} ms old at most`
    : `${Math.round(ageMs / 1_000)} s old`;
}

function toHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
