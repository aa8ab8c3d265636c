import { describe, expect, it } from "vitest";
import { EventQueue } from "./events.ts";
import { Link, type LinkProfile } from "./link.ts";
import { randomByMoment } from "./random.ts";

const PROFILE: LinkProfile = { delayMs: 5, jitterMs: 100, pieceBytes: 0, windowBytes: 1 };

function setUp() {
  const events = new EventQueue();
  const random = randomByMoment(1, "link", () => events.nowMs);
  const link = new Link("a", "b", PROFILE, random, events);
  const arrived: { number: number; atMs: number }[] = [];
  const send = (number: number, isVoid = () => false) =>
    link.send("down", {
      isVoid,
      arrive: () => arrived.push({ number, atMs: events.nowMs }),
      tear: () => arrived.push({ number: -number, atMs: events.nowMs }),
    });
  const run = async (untilMs: number) => {
    while (await events.step(untilMs));
  };
  return { events, link, arrived, send, run };
}

const numbers = (arrived: readonly { number: number }[]) => arrived.map(({ number }) => number);

describe("Link", () => {
  it("keeps the order of its pieces, whatever the delay of each", async () => {
    const { arrived, send, run, events } = setUp();
    for (let i = 1; i <= 50; i++) {
      send(i);
      await run(events.nowMs + 3);
    }
    await run(1_000);
    expect(numbers(arrived)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    const times = arrived.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBeGreaterThan(5);
  });

  it("delivers held packets late, and lost packets never", async () => {
    const { link, arrived, send, run } = setUp();
    expect(send(1)).toBe(true);
    link.isHeld = true;
    await run(500);
    expect(arrived).toEqual([]);
    link.isBlackHole = true;
    expect(send(2)).toBe(false);
    link.isBlackHole = false;
    send(3);
    link.isHeld = false;
    await run(1_000);
    expect(numbers(arrived)).toEqual([1, 3]);
  });

  it("skips packets of a lost stream, and tears the first packet of another", async () => {
    const { link, arrived, send, run } = setUp();
    let isLost = false;
    send(1, () => isLost);
    send(2);
    isLost = true;
    link.tearNext("down");
    await run(1_000);
    expect(numbers(arrived)).toEqual([-2, 2]);
  });
});
