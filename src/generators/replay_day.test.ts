import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replayCsv } from "../../gen/replay_ord_2001_06_29.ts";
import { PROJECT_ROOT, REPLAY_CSV_PATH } from "./_paths.ts";
import { replaySourcePath } from "./replay.ts";
import {
  AIRPORT,
  type MovementRow,
  readMovements,
  renderReplayCsv,
  renderReplayModule,
} from "./replay_day.ts";

const ROW: MovementRow = {
  date: new Date("2001-06-29T07:59:00Z"),
  delay: -2n,
  distance: 258n,
  origin: "ORD",
  destination: "STL",
};

describe("readMovements()", () => {
  it("finds the 1,994 departures and arrivals of the day", async () => {
    const rows = await readMovements(replaySourcePath());
    expect(rows).toHaveLength(1_994);
    expect(rows.filter(({ origin }) => origin === AIRPORT)).toHaveLength(996);
    expect(new Set(rows.map(({ date }) => date.toISOString().slice(0, 10)))).toEqual(
      new Set(["2001-06-29"]),
    );
    expect(renderReplayCsv(rows)).toBe(replayCsv);
  });
});

describe("renderReplayCsv()", () => {
  it("sorts the rows, and names source, terms and command", () => {
    const later = { ...ROW, date: new Date("2001-06-29T12:00:00Z"), delay: 30n };
    const csv = renderReplayCsv([later, ROW]);
    expect(csv).toMatch(/^# All 2 departures and arrivals/);
    for (const part of ["Bureau of Transportation Statistics", "# Terms:", "npm run gen:replay"]) {
      expect(csv).toContain(part);
    }
    expect(csv.split("\n").slice(-4)).toEqual([
      "date,delay,distance,origin,destination",
      "07:59,-2,258,ORD,STL",
      "12:00,30,258,ORD,STL",
      "",
    ]);
  });
});

describe("renderReplayModule()", () => {
  it("contains the committed CSV", () => {
    expect(replayCsv).toBe(readFileSync(join(PROJECT_ROOT, REPLAY_CSV_PATH), "utf8"));
  });

  it("escapes what is special in a template string", () => {
    const module = renderReplayModule("a`b${c}\\d");
    expect(module).toContain("`a\\`b\\${c}\\\\d`");
  });
});
