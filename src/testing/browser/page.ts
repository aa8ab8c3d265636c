/**
 * The script of the test's page: follows the node in the address of the page, and posts the state of its
 * replica to the server of the page after each change.
 */

import { fetchTransport, Replica } from "../../replication/mod.ts";

/** The state of the replica in a page. */
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
  /** Reason of the last loss of the link. */
  readonly lastError: string | undefined;
  /** Outcome of the mutation in the address of the page. */
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
  mutation = { result: "pending", version: "" };
  const options = { signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 };
  mutation = await replica.mutate({ type: "add", states: [toAdd] }, options);
  report();
}

let isDue = false;
let isPosting = false;

/** One post at a time; changes meanwhile are in the next one. */
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
