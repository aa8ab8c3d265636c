/** The root: the machine of its program, and the source of that machine. */

import type { Machine } from "../machine/mod.ts";
import { createSource } from "../replication/mod.ts";
import { ConfigError, type NodeConfig } from "./config.ts";
import type { Core, CoreServices } from "./core.ts";
import { logMachine, toTelemetryLog } from "./machine_log.ts";
import { useMachine } from "./machine_use.ts";
import type { NodeProgram } from "./program.ts";

/** Throws {@linkcode ConfigError} without a machine, and what the program throws; `TypeError` for a machine that has a node. */
export function createRoot<N extends string>(
  config: NodeConfig,
  { log, time, telemetry, onListenerError }: CoreServices,
  nodeProgram: NodeProgram<N>,
): Core<N> {
  if (nodeProgram.createRoot === undefined)
    throw new ConfigError([`Cannot start ${config.name}: a root needs a machine`]);
  const tracer = telemetry.createMachineTelemetry(toTelemetryLog(log));
  const program = nodeProgram.createRoot({
    log,
    time,
    metrics: telemetry.metrics,
    onMachineError(error) {
      tracer.countError();
      log.error("machine error", { error: error.message });
    },
  });
  const machine = program.machine as unknown as Machine;
  const release = useMachine(machine, config.name);
  const source = createSource(machine, {
    time,
    tracer,
    onListenerError,
    onCallError: (call, error) => log.error("call failed", { call, error: String(error) }),
  });
  const unfollow = tracer.follow(machine, source.clock);
  const endLog = logMachine(machine, log);
  return {
    machineId: machine.id,
    clock: source.clock,
    machine: program.machine,
    localMachine: undefined,
    mutate: async (request) => source.mutate(request),
    call: (request, options) => source.call(request, options),
    ageMs: () => source.ageMs(),
    upstreamPath: () => [],
    upstream: () => null,
    start() {
      telemetry.setLevel(0);
      program.start?.(source.clock);
    },
    async stopWork() {
      await program.stopWork?.();
    },
    async close() {
      await program.stopWork?.();
      source.close();
      unfollow();
      endLog();
      release();
      await program.close?.();
    },
  };
}
