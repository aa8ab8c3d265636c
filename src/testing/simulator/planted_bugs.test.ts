import { afterEach, describe, expect, it, vi } from "vitest";

/** A mistake in the code, and how the simulator reports it. */
interface Plant {
  readonly what: string;
  /** The module of src/replication with the mistake. */
  readonly file: string;
  /** The first seed, chosen so that the mistake is found soon. */
  readonly seed: number;
  /** Returns the wrong exports, given the right ones. */
  readonly wrong: (right: Record<string, unknown>) => Record<string, unknown>;
  readonly failure: RegExp;
}

type Class = new (...args: never[]) => object;

const PLANTS: readonly Plant[] = [
  {
    what: "a replica that accepts any checksum",
    file: "wire/seal.ts",
    seed: 185,
    wrong: () => ({ sealMessage: () => 0 }),
    failure: /serves .*: the root|serves .* with/,
  },
  {
    what: "a replica that does not check starts",
    file: "wire/seal.ts",
    seed: 284,
    wrong: () => ({ sealStart: () => 0 }),
    failure: /serves .* with|follows|is live after|needed a resync|faults ended/,
  },
  {
    what: "a replica that computes its age from the arrival of messages",
    file: "up/transit.ts",
    seed: 8,
    wrong: ({ Transit }) => ({
      Transit: class extends (Transit as Class) {
        measure() {
          return 0;
        }
      },
    }),
    failure: /claims that .* was the newest .* ms ago: the root had/,
  },
  {
    what: "a publisher that leaves a change out of its diffs",
    file: "clock/versioned_clock.ts",
    seed: 15,
    wrong: ({ VersionedClock }) => {
      type Visit = (index: number, tick: number) => void;
      const Right = VersionedClock as new () => {
        forEachChangedSince(seq: number, visit: Visit): void;
      };
      return {
        VersionedClock: class extends Right {
          override forEachChangedSince(seq: number, visit: Visit): void {
            let visited = 0;
            super.forEachChangedSince(seq, (index, tick) => {
              if (visited++ !== 1) visit(index, tick);
            });
          }
        },
      };
    },
    failure: /needed a resync \(checksum: .*\), though no byte was changed/,
  },
  {
    what: "a root that restarts in the same epoch",
    file: "clock/source.ts",
    seed: 19,
    wrong: ({ createSource }) => ({
      createSource: (machine: object, options: object) =>
        (createSource as (machine: object, options: object) => object)(machine, {
          ...options,
          epoch: "00000000000000aa",
        }),
    }),
    failure: /The root went from .* to 00000000000000aa-0/,
  },
  {
    what: "a replica that waits forever for a silent upstream",
    file: "up/silence_timer.ts",
    seed: 20,
    wrong: ({ SilenceTimer }) => ({
      SilenceTimer: class extends (SilenceTimer as new (time: unknown, ms: number) => object) {
        constructor(time: object) {
          super(time, 1e9);
        }
        setLimit(): void {}
      },
    }),
    failure: /is live after .* ms without a byte|faults ended|has closed/,
  },
  {
    what: "a publisher that keeps writing to a stalled downstream",
    file: "down/downstream.ts",
    seed: 7,
    wrong: ({ OpenDownstream }) => ({
      OpenDownstream: class extends (OpenDownstream as Class) {
        get isStalled(): boolean {
          return false;
        }
      },
    }),
    failure: /holds \d+ bytes for one downstream/,
  },
  {
    what: "a publisher that keeps a stalled downstream",
    file: "down/downstream.ts",
    seed: 7,
    wrong: ({ OpenDownstream }) => ({
      OpenDownstream: class extends (OpenDownstream as Class) {
        // It never appears to be stalled.
        constructor(...args: never[]) {
          super(...args);
          let isStalled = false;
          Object.defineProperty(this, "stalledAtMs", {
            get: () => (isStalled ? Number.POSITIVE_INFINITY : Number.NaN),
            set: (value: number) => {
              isStalled = !Number.isNaN(value);
            },
          });
        }
      },
    }),
    failure: /keeps a downstream that has taken nothing for/,
  },
  {
    what: "a root that forgets idempotency keys",
    file: "clock/remembered_responses.ts",
    seed: 16,
    wrong: ({ RememberedResponses }) => ({
      RememberedResponses: class extends (RememberedResponses as Class) {
        find(): undefined {}
      },
    }),
    failure: /Mutation m\d ran [23] times/,
  },
];

describe("The simulator", () => {
  afterEach(() => {
    for (const { file } of PLANTS) vi.doUnmock(`../../replication/${file}`);
    vi.resetModules();
  });

  it.each(PLANTS)(
    "finds $what, and shrinks the scenario to what is needed",
    { timeout: 120_000 },
    async (plant) => {
      vi.resetModules();
      vi.doMock(`../../replication/${plant.file}`, async (importOriginal) => {
        const right = await importOriginal<Record<string, unknown>>();
        return { ...right, ...plant.wrong(right) };
      });
      const { search } = await import("./search.ts");
      const { found } = await search({ seed: plant.seed, scenarios: 1_000 });
      expect(found?.report ?? "nothing").toMatch(plant.failure);
      expect(found!.shrunk.outcome.failure).toMatch(plant.failure);
      const { nodes, actions } = found!.shrunk.outcome.scenario;
      expect(nodes.length).toBeLessThanOrEqual(4);
      expect(actions.length).toBeLessThanOrEqual(5);
      expect(found!.report).toContain(`SIM_SEED=${found!.seed} SIM_SCENARIOS=1`);
    },
  );
});
