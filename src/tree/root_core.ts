/** The root: the machine, its source, and the feed that drives it. */

import { createFeed, type Feed, schema, stateNames } from "../flights/mod.ts";
import { createMachine, type Machine } from "../machine/mod.ts";
import { createSource } from "../replication/mod.ts";
import { METRIC_FEED_MUTATIONS } from "../telemetry/semconv.ts";
import { ConfigError, type NodeConfig } from "./config.ts";
import { type Core, type CoreServices, MACHINE_ID } from "./core.ts";

type Feeding = Parameters<typeof createFeed>[1];

/** Throws {@linkcode ConfigError} for an unknown feed, or options that it refuses. */
export function createRoot(
  config: NodeConfig,
  { log, time, telemetry, onListenerError }: CoreServices,
): Core {
  const tracer = telemetry.createMachineTelemetry();
  const machine = createMachine(schema, {
    id: MACHINE_ID,
    states: stateNames,
    onError: (error) => {
      tracer.countError();
      log.error("machine error", { error: error.message });
    },
  }) as unknown as Machine;
  const source = createSource(machine, {
    time,
    tracer,
    onListenerError,
    onCallError: (call, error) => log.error("call failed", { call, error: String(error) }),
  });
  tracer.follow(machine, source.clock);
  const mutations = telemetry.metrics.counters(METRIC_FEED_MUTATIONS);
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
    clock: source.clock,
    machine,
    localMachine: undefined,
    mutate: async (request) => source.mutate(request),
    call: (request, options) => source.call(request, options),
    ageMs: () => 0,
    upstreamPath: () => [],
    upstream: () => null,
    start() {
      telemetry.setLevel(0);
      fed = feed
        .start(stopped.signal)
        .catch((error) => log.error("feed failed", { feed: feed.name, error: String(error) }));
      log.info("feed started", {
        feed: feed.name,
        states: machine.names.length,
        epoch: source.clock.epoch,
      });
    },
    async stopWork() {
      stopped.abort();
    },
    async close() {
      stopped.abort();
      await fed;
      source.close();
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
function asFeedTarget(machine: Machine, feed: string): Feeding["target"] {
  const cause = { context: { feed } };
  return {
    add: (states, args) => machine.add(states, args, cause),
    remove: (states, args) => machine.remove(states, args, cause),
    is: (state) => machine.is(state),
  };
}
