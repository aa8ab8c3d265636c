import { describe, expect, it } from "vitest";
import { renderRow, renderStatus } from "./view.ts";

const ROW = {
  flight: "Flight1",
  direction: "Outbound",
  status: "Delayed",
  gate: "3",
  goToGate: false,
} as const;
const text = (html: string) => html.replace(/<[^>]*>/g, "|").replace(/\|+/g, "|");

describe("renderRow()", () => {
  it("shows a flight, and offers to delay it or to revert that", () => {
    expect(text(renderRow(ROW))).toBe("|Flight1|↗ departure|3|Delayed|on time|");
    const calling = { ...ROW, direction: "Inbound", status: "OnTime", goToGate: true } as const;
    expect(text(renderRow(calling))).toBe("|Flight1|↘ arrival|3|Go to gate|delay|");
    expect(renderRow(calling)).toContain('data-flight="Flight1"');
  });

  it("offers nothing for a flight that cannot be delayed", () => {
    expect(text(renderRow({ ...ROW, status: "Departed", gate: undefined }))).toBe(
      "|Flight1|↗ departure|Departed|",
    );
    expect(
      text(renderRow({ ...ROW, direction: undefined, status: "Scheduled", gate: undefined })),
    ).toBe("|Flight1|");
  });

  it("escapes special characters in names", () => {
    expect(renderRow({ ...ROW, flight: '<b>"&' })).toContain("&#60;b&#62;&#34;&#38;");
  });
});

describe("renderStatus()", () => {
  it("shows how current the board is", () => {
    const status = {
      link: "live",
      version: "0123456789abcdef-42",
      ageMs: 12.2,
      path: ["root", "rep-1"],
      bytesReceived: 3_072,
    };
    expect(text(renderStatus(status))).toBe(
      "|live|root → rep-1 → this tab|seq 42|13 ms old at most|3.0 KiB received|",
    );
    expect(text(renderStatus({ ...status, link: "stale", ageMs: 61_000 }))).toContain("|61 s old|");
  });

  it("shows that nothing is known yet", () => {
    const status = { link: "connecting", version: "", ageMs: Infinity, path: [], bytesReceived: 0 };
    expect(text(renderStatus(status))).toBe(
      "|connecting|no path to the root yet|seq –|age unknown|0.0 KiB received|",
    );
  });
});
