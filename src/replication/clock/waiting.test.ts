import { describe, expect, it } from "vitest";
import { VirtualTime } from "../../testing/virtual_time.ts";
import { withDeadline } from "./waiting.ts";

const never = () => new Promise<never>(() => {});
const toError = () => new Error("too late");

describe("withDeadline()", () => {
  it("resolves to what the work resolves to, and leaves no timer", async () => {
    const time = new VirtualTime();
    const work = async (signal: AbortSignal) => signal.aborted;
    expect(await withDeadline(work, { time, timeoutMs: 10, toError })).toBe(false);
    expect(time.pending).toBe(0);
  });

  it("rejects at the deadline, also if the work ignores its signal", async () => {
    const time = new VirtualTime();
    let seen: AbortSignal | undefined;
    const ended = withDeadline(
      (signal) => {
        seen = signal;
        return never();
      },
      { time, timeoutMs: 10, toError },
    );
    const rejected = expect(ended).rejects.toThrow("too late");
    await time.advance(9);
    expect(seen!.aborted).toBe(false);
    await time.advance(1);
    await rejected;
    expect(seen!.reason).toEqual(toError());
  });

  it("rejects with the deadline's error rather than what the work throws on the abort", async () => {
    const time = new VirtualTime();
    const work = (signal: AbortSignal) =>
      new Promise<never>((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("work was aborted"))),
      );
    const rejected = expect(withDeadline(work, { time, timeoutMs: 1, toError })).rejects.toThrow(
      "too late",
    );
    await time.advance(1);
    await rejected;
  });

  it("rejects with the reason of the caller's signal, also if that has aborted before", async () => {
    const time = new VirtualTime();
    const abort = new AbortController();
    const options = { time, timeoutMs: 10, toError, signal: abort.signal };
    const rejected = expect(withDeadline(never, options)).rejects.toThrow("caller left");
    abort.abort(new Error("caller left"));
    await rejected;
    await expect(withDeadline(never, options)).rejects.toThrow("caller left");
    expect(time.pending).toBe(0);
  });
});
