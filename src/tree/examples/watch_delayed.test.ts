import { afterEach, describe, expect, it, vi } from "vitest";
import { type StateName, schema, stateNames } from "../../flights/mod.ts";
import { createMachine, type Machine } from "../../machine/mod.ts";
import { createReplicaMachine, type ReplicaMachine } from "../../replica_machine/mod.ts";
import { createSource } from "../../replication/mod.ts";
import { settle, VirtualTime } from "../../testing/virtual_time.ts";
import { createLogger } from "../mod.ts";
import { watchDelayed } from "./watch_delayed.ts";
import type { Notice } from "./webhook.ts";

describe("watchDelayed()", () => {
  let replica: ReplicaMachine<StateName>;

  afterEach(() => replica.close());

  function setUp() {
    const time = new VirtualTime();
    const machine = createMachine(schema, { states: stateNames });
    const { clock } = createSource(machine as unknown as Machine, { time, epoch: "0".repeat(16) });
    const contexts = [new Uint8Array(25).fill(1), new Uint8Array(25).fill(2)];
    vi.spyOn(clock, "traceContextsSince").mockReturnValue(contexts);
    const errors: Error[] = [];
    replica = createReplicaMachine(clock, {
      states: stateNames,
      time,
      onError: (error) => errors.push(error),
    });
    const logged: string[] = [];
    const log = createLogger("info", Date.now, ({ message, fields }) =>
      logged.push(`${message}: ${fields.flight}`),
    );
    const notices: Notice[] = [];
    const watch = (includeActive?: boolean) =>
      watchDelayed(replica, log, (notice) => void notices.push(notice), includeActive);
    return { machine, watch, notices, logged, errors };
  }

  it("logs and sends a flight that becomes Delayed, with its gate and its cause", async () => {
    const { machine, watch, notices, logged, errors } = setUp();
    watch();
    machine.add(["Flight1Outbound", "Flight1Gate3"]);
    machine.add("Flight1Delayed");
    machine.add("Flight2OnTime");
    await settle();
    expect(notices).toEqual([
      {
        key: "0000000000000000-Flight1Delayed-1",
        traceparent: `00-${"02".repeat(16)}-${"02".repeat(8)}-02`,
        body: {
          flight: "Flight1",
          direction: "Outbound",
          gate: "3",
          isDelayed: true,
          version: expect.stringMatching(/^0{16}-\d+$/),
          changedAt: "2026-01-01T00:00:00.000Z",
        },
      },
    ]);
    expect([logged, errors]).toEqual([["flight is delayed: Flight1"], []]);
  });

  it("gives each activation its own key, even if it ended before the push", async () => {
    const { machine, watch, notices } = setUp();
    watch();
    machine.add("Flight3Delayed");
    machine.add("Flight3Departed");
    await settle();
    machine.add("Flight3Delayed");
    await settle();
    expect(
      notices.map(({ key, body }) => [key, (body as { isDelayed: boolean }).isDelayed]),
    ).toEqual([
      ["0000000000000000-Flight3Delayed-1", false],
      ["0000000000000000-Flight3Delayed-3", true],
    ]);
  });

  it("sends flights that are already Delayed with includeActive, under the same key", async () => {
    const { machine, watch, notices } = setUp();
    watch();
    machine.add("Flight2Delayed");
    await settle();
    watch();
    watch(true);
    await settle();
    expect(notices.map(({ key }) => key)).toEqual([
      "0000000000000000-Flight2Delayed-1",
      "0000000000000000-Flight2Delayed-1",
    ]);
  });
});
