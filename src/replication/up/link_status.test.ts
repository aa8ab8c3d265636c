import { describe, expect, it } from "vitest";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";

/** Status after each event, without and with a clock received before. */
const TABLE: Record<
  LinkStatus,
  Record<LinkEvent, readonly [withoutClock: LinkStatus, withClock: LinkStatus]>
> = {
  connecting: {
    opened: ["syncing", "syncing"],
    synced: ["connecting", "connecting"],
    resync: ["connecting", "stale"],
    lost: ["connecting", "stale"],
    closed: ["closed", "closed"],
  },
  syncing: {
    opened: ["syncing", "syncing"],
    synced: ["live", "live"],
    resync: ["connecting", "stale"],
    lost: ["connecting", "stale"],
    closed: ["closed", "closed"],
  },
  live: {
    opened: ["live", "live"],
    synced: ["live", "live"],
    resync: ["connecting", "stale"],
    lost: ["connecting", "stale"],
    closed: ["closed", "closed"],
  },
  stale: {
    opened: ["syncing", "syncing"],
    synced: ["stale", "stale"],
    resync: ["connecting", "stale"],
    lost: ["connecting", "stale"],
    closed: ["closed", "closed"],
  },
  closed: {
    opened: ["closed", "closed"],
    synced: ["closed", "closed"],
    resync: ["closed", "closed"],
    lost: ["closed", "closed"],
    closed: ["closed", "closed"],
  },
};

describe("nextLinkStatus()", () => {
  const cells = Object.entries(TABLE).flatMap(([status, events]) =>
    Object.entries(events).flatMap(([event, [without, having]]) => [
      [status, event, false, without] as const,
      [status, event, true, having] as const,
    ]),
  );

  it.each(cells)(
    "from %s by %s, clock received: %s, goes to %s",
    (status, event, hasClock, next) => {
      expect(nextLinkStatus(status as LinkStatus, event as LinkEvent, hasClock)).toBe(next);
    },
  );
});
