/** The examples run and print the expected lines; README.md shows the first one. */

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";

const FOLDER = new URL("./examples/", import.meta.url);

/** The lines that each example prints. */
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  "async_handler.ts": [
    "no slash: canceled",
    "loading /never",
    "left /never",
    "loading /fast",
    "left /fast",
    "loaded <h1>/fast</h1>",
    "errors: none",
  ],
  "door.ts": [
    "lock: canceled",
    "now: ()",
    "powered: (Closed:1 Powered:1)",
    "lock with alarm: executed",
    "opened: (Open:1 Powered:1)",
    "alarm: no, by relation Require of Alarm, Locked is missing",
    "all: (Open:1 Powered:1) [Alarm:2 Closed:2 Exception:0 Locked:2]",
  ],
  "first_steps.ts": [
    "executed",
    "canceled: relation Require of Locked, Closed is missing",
    "closed",
  ],
  "flights_board.ts": [
    "  +OnTime +GateA +HasGate",
    "KL1001: OnTime, GateA",
    "  +Delayed +GateB -OnTime -GateA",
    "KL1001: Delayed, GateB",
    "  +Boarding",
    "  +Departed -Delayed -Boarding",
    "KL1001: Departed, GateB",
    "both: no, Delayed by relation Remove of OnTime",
  ],
  "piped.ts": [
    "connection (Disconnected:1 Start:1)",
    "service (Ready:1 Start:1)",
    "service (ErrNetwork:1 Exception:1 Start:1)",
    "error: line is dead",
  ],
  "remembering.ts": [
    "12:01:00 auto Idle: +Idle",
    "12:01:00 remove Busy: -Busy",
    "12:00:00 add Busy: +Busy",
    "busy for job 7",
    "idle then: false",
    "restored: (Idle:1 Pulse:1)",
    "disposed: canceled",
  ],
  "waiting.ts": [
    "a beat by hand",
    "beyond 6",
    "no error came",
    "started and ready",
    "three beats",
    "open waits: 0",
  ],
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("examples", () => {
  it("begin with the one in README.md", () => {
    const [, code] = readFileSync(new URL("first_steps.ts", FOLDER), "utf8").split("*/\n\n");
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    const shown = code!.replace("../mod.ts", "tree-state-source/machine");
    expect(readme).toContain(`\`\`\`ts\n${shown}\`\`\``);
  });

  it("are all listed here", () => {
    expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(PRINTED).sort());
  });

  it.each(Object.entries(PRINTED))("%s prints the expected lines", async (file, expected) => {
    const lines: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => {
      lines.push(line);
    });
    await import(new URL(file, FOLDER).href);
    expect(lines).toEqual(expected);
  });
});
