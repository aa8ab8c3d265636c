import { describe, expect, it } from "vitest";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";

const LOSS = ["connecting", "stale"] as const;

/** The status after each event; of a pair, the first without a clock, the second with one. */
const TABLE: Record<LinkStatus, Record<LinkEvent, LinkStatus | typeof LOSS>> = {
  connecting: {
    opened: "syncing",
    synced: "connecting",
    resync: LOSS,
    lost: LOSS,
    closed: "closed",
  },
  syncing: { opened: "syncing", synced: "live", resync: LOSS, lost: LOSS, closed: "closed" },
  live: { opened: "live", synced: "live", resync: LOSS, lost: LOSS, closed: "closed" },
  stale: { opened: "syncing", synced: "stale", resync: LOSS, lost: LOSS, closed: "closed" },
  closed: {
    opened: "closed",
    synced: "closed",
    resync: "closed",
    lost: "closed",
    closed: "closed",
  },
};

describe("nextLinkStatus()", () => {
  const cells = Object.entries(TABLE).flatMap(([status, events]) =>
    Object.entries(events).flatMap(([event, next]) => {
      const [without, having] = typeof next === "string" ? [next, next] : next;
      return [[status, event, false, without] as const, [status, event, true, having] as const];
    }),
  );

  it.each(cells)(
    "from %s by %s, clock received: %s, goes to %s",
    (status, event, hasClock, next) => {
      expect(nextLinkStatus(status as LinkStatus, event as LinkEvent, hasClock)).toBe(next);
    },
  );
});
