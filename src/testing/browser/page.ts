/**
 * The script of the test's page: follows the node that the page's address names, and posts what its
 * replica has to the server that the page came from, whenever that has changed.
 */

import { fetchTransport, Replica } from "../../replication/mod.ts";

/** What the replica in a page has and knows. */
export interface Finding {
  readonly name: string;
  readonly origin: string;
  readonly version: string;
  readonly ticks: readonly number[];
  readonly activeStates: readonly string[];
  readonly status: string;
  readonly path: readonly string[];
  readonly reconnects: number;
  readonly resyncs: Readonly<Record<string, number>>;
  /** Why the link was lost the last time. */
  readonly lastError: string | undefined;
  /** What came of the mutation that the page's address asked for. */
  readonly mutation: { readonly result: string; readonly version: string } | undefined;
}

const params = new URLSearchParams(location.search);
const name = params.get("name") ?? "page";
const toAdd = params.get("add");
let mutation: Finding["mutation"];

const replica = new Replica({
  name,
  addresses: [params.get("node") ?? ""],
  transport: fetchTransport,
  backoff: { minMs: 20, maxMs: 200 },
  tracer: {
    linkStatus(status) {
      if (status === "live") void mutateOnce();
      report();
    },
    linkLost: report,
    resync: report,
    heartbeatReceived: report,
  },
});
replica.clock.onChange(report);
replica.start();

async function mutateOnce(): Promise<void> {
  if (toAdd === null || mutation !== undefined) return;
  mutation = { result: "under way", version: "" };
  const options = { signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 };
  mutation = await replica.mutate({ type: "add", states: [toAdd] }, options);
  report();
}

let isDue = false;
let isPosting = false;

/** One post at a time; what changes meanwhile goes with the next. */
function report(): void {
  isDue = true;
  if (!isPosting) void post();
}

async function post(): Promise<void> {
  isPosting = true;
  while (isDue) {
    isDue = false;
    await fetch("/findings", { method: "POST", body: JSON.stringify(find()) });
  }
  isPosting = false;
}

function find(): Finding {
  const { clock } = replica;
  return {
    name,
    origin: location.origin,
    version: clock.epoch === "" ? "" : clock.version,
    ticks: Array.from(clock.ticks),
    activeStates: clock.activeStates(),
    status: replica.status,
    path: replica.path,
    reconnects: replica.reconnects,
    resyncs: Object.fromEntries(replica.resyncs),
    lastError: replica.lastError?.message,
    mutation,
  };
}
