/** Metrics that are read from a node at each collection. */

import type { LinkStatus, Publisher, Replica, VersionedClock } from "../replication/mod.ts";
import type { MetricSet } from "./metric_set.ts";
import {
  METRIC_BUFFERED,
  METRIC_CLOCK_AGE,
  METRIC_DOWNSTREAMS,
  METRIC_LAG_SEQS,
  METRIC_LINK_STATUS,
  METRIC_RECEIVED,
  METRIC_RECONNECTS,
  METRIC_SEQ,
  METRIC_STATES_ACTIVE,
  METRIC_STATES_KNOWN,
  METRIC_UPSTREAM,
} from "./semconv.ts";

const LINK_STATUSES: readonly LinkStatus[] = ["connecting", "syncing", "live", "stale", "closed"];

/** Measures the node's clock; `ageMs` is the age that the HTTP API shows, in milliseconds. */
export function measureClock(metrics: MetricSet, clock: VersionedClock, ageMs: () => number): void {
  metrics.observe(METRIC_SEQ, (report) => {
    if (clock.epoch !== "") report(clock.seq);
  });
  metrics.observe(METRIC_CLOCK_AGE, (report) => report(ageMs() / 1000));
  metrics.observe(METRIC_STATES_ACTIVE, (report) => report(clock.activeCount));
  metrics.observe(METRIC_STATES_KNOWN, (report) => report(clock.names.length));
}

export function measureDownstreams(
  metrics: MetricSet,
  publisher: Pick<Publisher, "downstreams">,
): void {
  metrics.observe(METRIC_DOWNSTREAMS, (report) => report(publisher.downstreams.size));
  metrics.observe(METRIC_LAG_SEQS, (report) => {
    let most = 0;
    for (const { lagSeq } of publisher.downstreams) most = Math.max(most, lagSeq);
    report(most);
  });
  metrics.observe(METRIC_BUFFERED, (report) => {
    let sum = 0;
    for (const { bufferedBytes } of publisher.downstreams) sum += bufferedBytes;
    report(sum);
  });
}

export function measureUpstream(metrics: MetricSet, replica: Replica): void {
  metrics.observe(METRIC_RECEIVED, (report) => report(replica.bytesReceived));
  metrics.observe(METRIC_RECONNECTS, (report) => report(replica.reconnects));
  metrics.observe(METRIC_LINK_STATUS, (report) => {
    for (const status of LINK_STATUSES) report(status === replica.status ? 1 : 0, status);
  });
  metrics.observe(METRIC_UPSTREAM, (report) => {
    const upstream = replica.path.at(-1);
    if (replica.status === "live" && upstream !== undefined) report(1, upstream);
  });
}
