import { describe, expect, it } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { boardRows, schema, stateNames } from "./mod.ts";

describe("boardRows()", () => {
  it("shows an empty board if no state is active", () => {
    const rows = boardRows(() => false);
    expect(rows).toHaveLength(10);
    expect(rows[9]).toEqual({
      flight: "Flight10",
      direction: undefined,
      status: undefined,
      gate: undefined,
      goToGate: false,
    });
  });

  it("shows the active states of a machine", () => {
    const machine = createMachine(schema, { states: stateNames });
    machine.add(["Flight1Outbound", "Flight1Delayed", "Flight1Gate3"]);
    machine.add("Flight1GoToGate");
    machine.add(["Flight2Inbound", "Flight2Arrived"]);
    expect(boardRows((state) => machine.is(state as "Start")).slice(0, 3)).toEqual([
      { flight: "Flight1", direction: "Outbound", status: "Delayed", gate: "3", goToGate: true },
      {
        flight: "Flight2",
        direction: "Inbound",
        status: "Arrived",
        gate: undefined,
        goToGate: false,
      },
      {
        flight: "Flight3",
        direction: undefined,
        status: "Scheduled",
        gate: undefined,
        goToGate: false,
      },
    ]);
  });

  it("takes gate names from the layout", () => {
    const layout = {
      stateNames: [],
      gateNames: ["C4", "C6"],
      flights: [
        {
          name: "KL1",
          status: ["KL1OnTime", "KL1Delayed", "KL1Departed", "KL1Arrived", "KL1Scheduled"],
          direction: ["KL1Inbound", "KL1Outbound"],
          goToGate: "KL1GoToGate",
          gateUnknown: "KL1GateUnknown",
          gates: ["KL1GateC4", "KL1GateC6"],
        },
      ],
    } as const;
    const active = new Set(["KL1GateC6", "KL1OnTime"]);
    expect(boardRows((state) => active.has(state), layout)).toEqual([
      { flight: "KL1", direction: undefined, status: "OnTime", gate: "C6", goToGate: false },
    ]);
  });
});
