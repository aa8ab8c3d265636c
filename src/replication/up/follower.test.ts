import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FollowedRoot, receivedAt } from "../../testing/followed_root.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import type { ClockMessage, Start } from "../wire/messages.ts";
import { Follower, type Step } from "./follower.ts";
import type { LinkStatus } from "./link_status.ts";

const OPTIONS = { name: "leaf", maxUpstreamAgeMs: 3_000, syncTimeoutMs: 5_000 };

/** A follower in the given status, with an open stream. The root has advanced since it was last followed. */
function followerThatIs(status: LinkStatus) {
  const root = new FollowedRoot();
  const clock = new VersionedClock();
  const follower = new Follower(clock, OPTIONS);
  root.flip("A");
  const earlier = root.start();
  root.flip("B");
  const receive = (message: ClockMessage, nowMs = 1_000) => {
    follower.opened();
    return follower.receive(receivedAt(message, nowMs), "up:1", nowMs);
  };
  follower.openStream(0, false);
  if (status === "syncing") follower.opened();
  if (status === "live" || status === "stale") {
    receive(root.start(), 0);
    if (status === "stale") {
      follower.lose();
      follower.openStream(500, false);
    }
  }
  if (status === "closed") follower.close();
  const before = root.diff();
  root.flip("C");
  return { root, clock, follower, receive, before, earlier };
}

type SetUp = ReturnType<typeof followerThatIs>;

const MESSAGES = {
  snapshot: ({ root }) => root.start(),
  "snapshot without a schema": ({ root }) => root.start({ hasSchema: false }),
  "snapshot of an earlier seq": ({ earlier }) => earlier,
  "start that continues": ({ root }) => root.start({ from: 2 }),
  "start with a wrong seal": ({ root }) => {
    const message = root.start();
    return { ...message, start: { ...message.start!, wallTimeMs: 1 } };
  },
  "start that leads through us": ({ root }) => root.start({ path: ["root", "leaf"] }),
  diff: ({ root }) => root.diff({ from: 2 }),
  "diff with a wrong tick": ({ root }) =>
    root.diff({ from: 2, wrong: { ticks: Float64Array.of(3) } }),
  "diff of an unknown state": ({ root }) =>
    root.diff({ from: 2, wrong: { indexes: Uint32Array.of(3) } }),
  "diff with a tick before ours": ({ root }) =>
    root.diff({ from: 2, wrong: { indexes: Uint32Array.of(0), ticks: Float64Array.of(0) } }),
  "heartbeat at our seq": ({ before }) => before,
  "heartbeat at another clock": ({ root }) => root.diff({ wrong: { checksum: 1 } }),
} as const satisfies Record<string, (setUp: SetUp) => ClockMessage>;

type Message = keyof typeof MESSAGES;

/** A step, in short. */
function describeStep(step: Step): string {
  if (step.type === "resync") return `resync: ${step.reason}`;
  if (step.type === "leave") return `leave: ${step.error.code}`;
  return step.moved ?? step.outcome;
}

const RIGHT = { snapshot: "snapshot → live", "start with a wrong seal": "resync: checksum" };
const BEFORE_START = {
  diff: "behind",
  "diff with a wrong tick": "behind",
  "diff of an unknown state": "behind",
  "diff with a tick before ours": "behind",
  "heartbeat at our seq": "behind",
  "heartbeat at another clock": "behind",
} as const;
const WITHOUT_CLOCK: Record<Message, string> = {
  ...RIGHT,
  ...BEFORE_START,
  "snapshot of an earlier seq": "snapshot → live",
  "snapshot without a schema": "resync: checksum",
  "start that continues": "resync: epoch",
  "start that leads through us": "leave: failed_precondition",
};

/** Each status × each message: the step, and the status after it if that differs. */
const TABLE: Record<LinkStatus, Record<Message, string>> = {
  connecting: WITHOUT_CLOCK,
  syncing: WITHOUT_CLOCK,
  live: {
    ...RIGHT,
    snapshot: "snapshot",
    "snapshot without a schema": "snapshot",
    "snapshot of an earlier seq": "behind",
    "start that continues": "diff",
    "start that leads through us": "leave: failed_precondition",
    diff: "diff",
    "diff with a wrong tick": "resync: checksum",
    "diff of an unknown state": "resync: unknown_state",
    "diff with a tick before ours": "resync: tick_back",
    "heartbeat at our seq": "proven",
    "heartbeat at another clock": "resync: checksum",
  },
  stale: {
    ...RIGHT,
    ...BEFORE_START,
    "snapshot of an earlier seq": "behind",
    "snapshot without a schema": "snapshot → live",
    "start that continues": "diff → live",
    "start that leads through us": "leave: failed_precondition",
  },
  // The link of a closed follower receives nothing more; if it did, the status would not change.
  closed: { ...WITHOUT_CLOCK, snapshot: "snapshot", "snapshot of an earlier seq": "snapshot" },
};

describe("Follower.receive()", () => {
  const cells = Object.entries(TABLE).flatMap(([status, row]) =>
    Object.entries(row).map(([message, expected]) => [status, message, expected] as const),
  );

  it.each(cells)("%s, a %s: %s", (status, message, expected) => {
    const setUp = followerThatIs(status as LinkStatus);
    const { follower, clock, receive, root } = setUp;
    const ticksBefore = [...clock.ticks];
    const step = receive(MESSAGES[message as Message](setUp));
    const [outcome, statusAfter] = expected.split(" → ");
    expect(describeStep(step)).toBe(outcome);
    const isOpen = status === "connecting" || status === "stale";
    expect(follower.status).toBe(statusAfter ?? (isOpen ? "syncing" : status));
    // The clock is unchanged, or is the root's, now or earlier.
    if (step.type !== "follow" || step.moved === undefined)
      expect([...clock.ticks]).toEqual(ticksBefore);
    else expect([...clock.ticks]).toEqual(clock.seq === 1 ? [1, 0, 0] : [...root.clock.ticks]);
  });

  it.each<[string, Partial<Start>]>([
    ["heartbeat interval", { heartbeatIntervalMs: 86_400_000 }],
    ["path", { path: ["roof"] }],
    ["epoch", { epoch: "0f".repeat(8) }],
    ["machine", { machineId: "lights" }],
    ["schema", { schema: { schema: { A: {} }, names: ["A"] }, ticks: [0] }],
  ])("takes nothing from a start with a wrong %s", (_, wrong) => {
    const { root, clock, follower, receive } = followerThatIs("live");
    const before = [clock.version, follower.path, follower.machineId];
    const message = root.start();
    const step = receive({ ...message, start: { ...message.start!, ...wrong } });
    expect(describeStep(step)).toBe("resync: checksum");
    expect([clock.version, follower.path, follower.machineId]).toEqual(before);
  });
});

/**
 * Runs a transcript: prose, commands at the start of a line, and their output, indented. Returns it with the
 * output of this run.
 */
function run(transcript: string): string {
  const root = new FollowedRoot();
  const clock = new VersionedClock();
  const follower = new Follower(clock, OPTIONS);
  let nowMs = 0;
  let kept: Readonly<Record<string, ClockMessage>> = {};
  const show = () => {
    const active = clock.activeStates().join(" ");
    const age = nowMs - follower.provenAtMs;
    const version = clock.epoch === "" ? "no clock" : `${clock.epoch[0]}-${clock.seq} (${active})`;
    return `${follower.status}, ${version}, age ${age} ms`;
  };
  const receive = (message: ClockMessage, transitMs: number) => {
    follower.opened();
    const step = follower.receive(receivedAt(message, nowMs, transitMs), "up:1", nowMs);
    if (step.type === "resync") {
      follower.resync(step.reason);
      return [`resync for ${step.reason}: ${step.detail}`, show()];
    }
    if (step.type === "leave") {
      follower.lose();
      return [`leaves: ${step.error.message}`, show()];
    }
    const seek =
      step.seek === undefined ? [] : [`seeks another upstream: this one is ${step.seek}`];
    return [step.moved ?? step.outcome, show(), ...seek];
  };
  const COMMANDS: Record<string, (words: readonly string[], options: URLSearchParams) => string[]> =
    {
      at: ([ms]) => {
        nowMs = Number(ms);
        return [];
      },
      flip: (names) => {
        root.flip(...names);
        return [];
      },
      restart: () => {
        root.restart();
        return [];
      },
      open: ([how]) => {
        follower.openStream(nowMs, how === "handover");
        const { epoch, seq, schemaHash } = follower.createRequest();
        const from = epoch === "" ? "everything" : `what follows ${epoch[0]}-${seq}`;
        return [`requests ${from}${schemaHash === "" ? ", and the schema" : ""}`];
      },
      receive: ([kind, which], options) => {
        if (kind === "kept") return receive(kept[which!]!, 0);
        const number = (name: string) => {
          const text = options.get(name);
          return text === null ? undefined : Number(text);
        };
        const from = number("from");
        const message = (kind === "start" ? root.start : root.diff).call(root, {
          ...(from !== undefined && { from }),
          ageMs: number("age") ?? 0,
          isDraining: options.has("draining"),
          path: options.get("path")?.split(",") ?? ["root"],
          ...(options.has("damaged") && { wrong: { checksum: 1 } }),
        });
        return receive(message, number("transit") ?? 0);
      },
      keep: () => {
        kept = { start: root.start(), heartbeat: root.diff() };
        return [];
      },
      lose: () => {
        follower.lose();
        return [show()];
      },
    };
  return transcript
    .split("\n")
    .filter((line) => !line.startsWith("  "))
    .flatMap((line) => {
      const [command, ...words] = line.split(" ");
      const execute = COMMANDS[command!];
      if (execute === undefined) return [line];
      const options = new URLSearchParams(words.filter((word) => word !== "").join("&"));
      return [line, ...execute(words, options).map((output) => `  ${output}`)];
    })
    .join("\n");
}

describe("Follower, by transcripts", () => {
  const folder = new URL("testdata/", import.meta.url);
  it.each(readdirSync(folder))("%s", async (file) => {
    const path = fileURLToPath(new URL(file, folder));
    await expect(run(readFileSync(path, "utf8"))).toMatchFileSnapshot(path);
  });
});
