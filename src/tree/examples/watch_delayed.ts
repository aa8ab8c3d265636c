/** Local handlers that log each flight that becomes Delayed, and send a notice about it. */

import { boardRows, flights, flightsLayout, type StateName } from "../../flights/mod.ts";
import type { ReplicaEvent, ReplicaMachine } from "../../replica_machine/mod.ts";
import { formatTraceparent } from "../../replication/mod.ts";
import type { Logger } from "../mod.ts";
import type { Notice } from "./webhook.ts";

/** Body of the webhook's request. */
export interface DelayedNotice {
  /** Name of the flight, such as "Flight1". */
  readonly flight: string;
  readonly direction: string | undefined;
  /** Name of the gate, such as "3"; undefined while unknown. */
  readonly gate: string | undefined;
  /** Whether it is still Delayed; false if Delayed was activated and removed between two pushes. */
  readonly isDelayed: boolean;
  /** Version of the clock behind this notice, and the root's wall time at it. */
  readonly version: string;
  readonly changedAt: string;
}

/**
 * Binds a State handler for each flight's Delayed. With `includeActive`, also sends the flights that are
 * already Delayed, under the same keys as before. Returns the handlers' removal.
 */
export function watchDelayed(
  replica: ReplicaMachine<StateName>,
  log: Logger,
  send: (notice: Notice) => void,
  includeActive = false,
): () => void {
  // The names come from gen/. For handlers written by hand, `replica.handle({ Flight1DelayedState() {…} })` is checked by the compiler.
  const handlers = flights.map((flight) => {
    const [, delayed] = flight.status;
    const layout = { ...flightsLayout, flights: [flight] };
    return [
      `${delayed}State`,
      ({ machine, flip, change }: ReplicaEvent<StateName, StateName>) => {
        const [row] = boardRows((state) => machine.is(state as StateName), layout);
        const notice: DelayedNotice = {
          flight: flight.name,
          direction: row?.direction,
          gate: row?.gate,
          isDelayed: flip.isActive,
          version: `${change.epoch}-${change.seq}`,
          changedAt: new Date(change.changedAtMs).toISOString(),
        };
        log.info("flight is delayed", { ...notice });
        const context = change.traceContexts.at(-1);
        send({
          // An activation has the same tick on every replica.
          key: `${change.epoch}-${delayed}-${flip.isActive ? flip.tick : flip.tick - 1}`,
          body: notice,
          traceparent: context && formatTraceparent(context),
        });
      },
    ];
  });
  return replica.bind(Object.fromEntries(handlers), { id: "delayed", includeActive });
}
