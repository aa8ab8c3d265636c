/** The flights as the program of a node: their machine, the feed that drives it, their metrics and settings. */

import {
  createFeed,
  FEED_NAMES,
  type Feed,
  type FlightsTarget,
  type StateName,
  schema,
  stateNames,
} from "../flights/mod.ts";
import { createMachine, type Machine } from "../machine/mod.ts";
import { METRIC_FEED_MUTATIONS } from "../telemetry/semconv.ts";
import {
  ConfigError,
  integer,
  type NodeProgram,
  type ProgramServices,
  type ProgramSettings,
  positive,
  type RootProgram,
} from "../tree/mod.ts";
import { measureFlights } from "./flight_metrics.ts";

/** Id of the flights' machine. */
const MACHINE_ID = "flights";

/** What drives the flights at the root. */
export interface FlightsConfig {
  readonly feed: string;
  /** Simulated seconds per second of the replay; undefined for the feed's own default. */
  readonly feedSpeed: number | undefined;
  readonly mutationIntervalMs: number;
}

export const FLIGHTS_SETTINGS: ProgramSettings<FlightsConfig> = {
  settings: [
    {
      flag: "feed",
      value: FEED_NAMES.join("|"),
      help: `root only: what drives the flights, ${FEED_NAMES[0]}`,
    },
    { flag: "feed-speed", value: "N", help: "replay: simulated seconds per second, 30" },
    {
      flag: "mutation-interval-ms",
      value: "MS",
      help: "random feed: one mutation of three random states per interval, 1000",
    },
  ],
  parse: (read) => ({
    feed: read<string>("feed", FEED_NAMES[0], String),
    feedSpeed: read<number | undefined>("feed-speed", undefined, positive),
    mutationIntervalMs: read("mutation-interval-ms", 1_000, integer(1, 86_400_000)),
  }),
};

/** A node of the tree of flights, in any role. */
export function createFlightsProgram(config: FlightsConfig): NodeProgram<StateName> {
  return {
    states: stateNames,
    measure: measureFlights,
    createRoot: (services) => createFlightsRoot(config, services),
  };
}

/** Throws {@linkcode ConfigError} for an unknown feed, or options that it refuses. */
function createFlightsRoot(
  config: FlightsConfig,
  { log, time, metrics, onMachineError }: ProgramServices,
): RootProgram<StateName> {
  const machine: Machine<StateName> = createMachine(schema, {
    id: MACHINE_ID,
    states: stateNames,
    onError: onMachineError,
  });
  const mutations = metrics.counters(METRIC_FEED_MUTATIONS);
  const stopped = new AbortController();
  let feed: Feed;
  try {
    feed = createFeed(config.feed, {
      target: asFeedTarget(machine, config.feed),
      time,
      speed: config.feedSpeed,
      mutationIntervalMs: config.mutationIntervalMs,
      tracer: {
        dayEnded: (days) => log.info("replayed day ended, starts again", { days }),
        mutated: (mutation, outcome) => {
          mutations.at(config.feed, outcome.result).value++;
          if (outcome.result !== "canceled") return;
          log.info("feed mutation canceled", {
            type: mutation.type,
            states: mutation.states.join(" "),
            by: outcome.rejected?.by,
          });
        },
      },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError([`Cannot use TST_FEED or its options: ${error.message}`]);
  }
  let fed: Promise<void> | undefined;
  return {
    machine,
    start(clock) {
      fed = feed
        .start(stopped.signal)
        .catch((error) => log.error("feed failed", { feed: feed.name, error: String(error) }));
      log.info("feed started", {
        feed: feed.name,
        states: machine.names.length,
        epoch: clock.epoch,
      });
    },
    async stopWork() {
      stopped.abort();
      await fed;
    },
    async close() {
      await machine.dispose();
      const { executed, canceled, canceledBy } = feed.stats;
      log.info("feed stopped", {
        feed: feed.name,
        executed,
        canceled,
        canceledBy: JSON.stringify(canceledBy),
      });
    },
  };
}

/** The machine as a feed drives it: each mutation carries the name of its feed. */
function asFeedTarget(machine: Machine<StateName>, feed: string): FlightsTarget {
  const cause = { context: { feed } };
  return {
    add: (states, args) => machine.add(states, args, cause),
    remove: (states, args) => machine.remove(states, args, cause),
    is: (state) => machine.is(state),
  };
}
