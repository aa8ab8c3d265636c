import { describe, expect, it } from "vitest";
import { FeedLog } from "./_feed_log.ts";
import type { MutationOutcome } from "./feed.ts";
import { flightsLayout } from "./layout.ts";

function createLog(...outcomes: MutationOutcome[]) {
  const next = () => outcomes.shift()!;
  return new FeedLog({ add: next, remove: next, is: () => false }, flightsLayout);
}

function canceled(by: string, state?: string): MutationOutcome {
  return { result: "canceled", rejected: state === undefined ? { by } : { state, by } };
}

describe("FeedLog", () => {
  it("counts outcomes", () => {
    const log = createLog(
      { result: "executed" },
      { result: "queued" },
      { result: "executed" },
      { result: "canceled" },
    );
    for (let i = 0; i < 2; i++) {
      log.add(["Start"]);
      log.remove(["Start"]);
    }
    expect(log.stats).toMatchObject({
      executed: 2,
      queued: 1,
      canceled: 1,
      canceledBy: { "no reason given": 1 },
    });
  });

  it("removes flights' names from reasons, and only those", () => {
    const log = createLog(
      canceled("relation Remove of Flight1Gate1", "Flight1Gate2"),
      canceled("relation Remove of Flight10Gate1", "Flight10Gate2"),
      canceled("handler Flight1DelayedEnter"),
      canceled("relation Require of Ready, Start is missing", "Ready"),
    );
    for (let i = 0; i < 4; i++) log.add(["Start"]);
    expect(log.stats.canceledBy).toEqual({
      "Gate2: relation Remove of Gate1": 2,
      "handler Flight1DelayedEnter": 1,
      "Ready: relation Require of Ready, Start is missing": 1,
    });
  });

  it("keeps a bounded number of reasons", () => {
    const outcomes = Array.from({ length: 1_000 }, (_, index) =>
      canceled(`handler number ${index}`),
    );
    const log = createLog(...outcomes, canceled("handler number 3"));
    for (let i = 0; i < 1_001; i++) log.add(["Start"]);
    const { canceledBy } = log.stats;
    expect(Object.keys(canceledBy)).toHaveLength(201);
    expect(canceledBy).toMatchObject({ "handler number 3": 2, "other reasons": 800 });
  });
});
