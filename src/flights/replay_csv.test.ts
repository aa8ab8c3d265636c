import { describe, expect, it } from "vitest";
import { replayCsv } from "../../gen/replay_ord_2001_06_29.ts";
import { hoursAheadOfChicago } from "./_time_zones.ts";
import { parseReplayCsv } from "./replay_csv.ts";

const HEADER = "date,delay,distance,origin,destination";

function parse(...rows: string[]) {
  return parseReplayCsv([HEADER, ...rows, ""].join("\n"));
}

describe("parseReplayCsv()", () => {
  it("takes a departure's minute from the data", () => {
    expect(parse("07:59,-2,258,ORD,STL")).toEqual([
      {
        number: 1,
        type: "departure",
        origin: "ORD",
        destination: "STL",
        minute: 7 * 60 + 59,
        delayMinutes: -2,
      },
    ]);
  });

  it("derives an arrival's minute from time zone and distance", () => {
    // 06:00 in New York is 05:00 in Chicago; 733 miles are 122 minutes in the air.
    expect(parse("06:00,20,733,LGA,ORD")[0]).toMatchObject({
      type: "arrival",
      minute: 5 * 60 + 122,
      delayMinutes: 20,
    });
  });

  it("moves a landing after midnight to the morning of the same day", () => {
    // 23:58 in Los Angeles is 01:58 in Chicago.
    expect(parse("23:58,9,1745,LAX,ORD")[0]?.minute).toBe(118 + 248);
    expect(parse("00:05,0,8,DTW,ORD")[0]?.minute).toBe(1_440 - 55 + 31);
  });

  it("numbers movements in order of time", () => {
    const movements = parse("08:00,0,258,ORD,STL", "04:00,0,258,STL,ORD", "06:00,0,258,ORD,STL");
    expect(movements.map(({ number, minute }) => [number, minute])).toEqual([
      [1, 302],
      [2, 360],
      [3, 480],
    ]);
  });

  it("skips comments and empty lines, and accepts lines that end in CR LF", () => {
    const text = `# one\r\n\r\n${HEADER}\r\n# two\r\n07:59,-2,258,ORD,STL\r\n`;
    expect(parseReplayCsv(text)).toHaveLength(1);
  });

  it.each([
    ["24:00,0,1,ORD,STL", "not of the form"],
    ["7:59,0,1,ORD,STL", "not of the form"],
    ["07:60,0,1,ORD,STL", "not of the form"],
    ["07:59,x,1,ORD,STL", "not of the form"],
    ["07:59,0,-1,ORD,STL", "not of the form"],
    ["07:59,0,1,ord,STL", "not of the form"],
    ["07:59,0,1,ORD", "not of the form"],
    ["07:59,0,1,ORD,STL,", "not of the form"],
    ["07:59,0,1,ORD,ORD", "not between ORD and another airport"],
    ["07:59,0,1,STL,LGA", "not between ORD and another airport"],
    ["07:59,0,1,XYZ,ORD", "from an airport of unknown time zone, XYZ"],
  ])("names the line of %j, and its mistake", (row, reason) => {
    const read = () => parse("07:59,-2,258,ORD,STL", row);
    expect(read).toThrow(SyntaxError);
    expect(read).toThrow(`Cannot read the replayed day: line 3 is ${reason}`);
    expect(read).toThrow(JSON.stringify(row));
  });

  it("names a wrong header, and shortens a long line", () => {
    const read = () => parseReplayCsv(`#\n${"x".repeat(1_000)}\n`);
    expect(read).toThrow(`line 2 is not the header "${HEADER}"`);
    expect(read).toThrow(/x{79}…"$/);
  });

  it.each(["", "# nothing\n", `${HEADER}\n`])("refuses %j, because it has no movements", (text) => {
    expect(() => parseReplayCsv(text)).toThrow("it has no movements");
  });

  it("reads the committed day: 1,994 movements, in the waves of a hub", () => {
    const movements = parseReplayCsv(replayCsv);
    const count = (type: string, hour: number) =>
      movements.filter((m) => m.type === type && Math.floor(m.minute / 60) === hour).length;
    expect(movements).toHaveLength(1_994);
    expect(movements.filter(({ type }) => type === "departure")).toHaveLength(996);
    expect(movements.filter(({ delayMinutes }) => delayMinutes >= 15)).toHaveLength(306);
    // Arrivals precede the departures that they feed; there is almost no traffic at night.
    expect([count("arrival", 7), count("departure", 7)]).toEqual([82, 42]);
    expect([count("arrival", 8), count("departure", 8)]).toEqual([48, 83]);
    expect([2, 3, 4].map((hour) => count("arrival", hour) + count("departure", hour))).toEqual([
      0, 0, 0,
    ]);
  });
});

describe("hoursAheadOfChicago()", () => {
  const ZONES: Record<string, string> = {
    LGA: "America/New_York",
    SJU: "America/Puerto_Rico",
    IND: "America/Indiana/Indianapolis",
    STL: "America/Chicago",
    DEN: "America/Denver",
    PHX: "America/Phoenix",
    LAX: "America/Los_Angeles",
    ANC: "America/Anchorage",
    HNL: "Pacific/Honolulu",
  };

  it.each(Object.entries(ZONES))("agrees with the time zone database on %s", (airport, zone) => {
    const hourIn = (timeZone: string) =>
      Number(
        new Intl.DateTimeFormat("en-GB", { timeZone, hour: "numeric" }).format(
          new Date("2001-06-29T18:00:00Z"),
        ),
      );
    expect(hoursAheadOfChicago(airport)).toBe(hourIn(zone) - hourIn("America/Chicago"));
  });
});
