import { describe, expect, it } from "vitest";
import { type BodyWriter, PushBody } from "./push_body.ts";

const A = Uint8Array.of(1, 1);
const B = Uint8Array.of(2);
const C = Uint8Array.of(3);

function setUp(bufferBytes = 1) {
  const events: string[] = [];
  const { body, stream } = PushBody.open({
    bufferBytes,
    onDrained: () => events.push("drained"),
    onGone: () => events.push("gone"),
  });
  return { body, stream, events };
}

/** A writer that notes what it is told. */
function createWriter() {
  const log: (Uint8Array | string)[] = [];
  const writer: BodyWriter = {
    write: (bytes) => log.push(bytes),
    end: () => log.push("end"),
    abort: (error) => log.push(`abort ${error.message}`),
  };
  return { writer, log };
}

describe("PushBody, read as a stream", () => {
  it("gives what was written in order, and ends after it", async () => {
    const { body, stream } = setUp();
    body.write(A);
    body.write(B);
    body.close();
    expect(body.write(C)).toBe(false);
    expect(await Array.fromAsync(stream)).toEqual([A, B]);
  });

  it("ends a reader that waits", async () => {
    const { body, stream } = setUp();
    const read = stream.getReader().read();
    // The reader has come to wait.
    await Promise.resolve();
    body.close();
    expect((await read).done).toBe(true);
  });

  it("has room again once what waits is below the limit", async () => {
    const { body, stream, events } = setUp(3);
    expect(body.write(A)).toBe(true);
    expect(body.write(B)).toBe(false);
    expect(body.bufferedBytes).toBe(3);
    const reader = stream.getReader();
    expect((await reader.read()).value).toBe(A);
    expect(events).toEqual(["drained"]);
    expect(body.bufferedBytes).toBe(1);
  });

  it("gives a reader that waits one message at once, and keeps the next", async () => {
    const { body, stream } = setUp();
    const reader = stream.getReader();
    const read = reader.read();
    await Promise.resolve();
    expect(body.write(A)).toBe(true);
    expect(body.bufferedBytes).toBe(0);
    expect(body.write(B)).toBe(false);
    expect(body.bufferedBytes).toBe(1);
    expect((await read).value).toBe(A);
  });

  it("breaks off at once, with what waits", async () => {
    const { body, stream } = setUp();
    body.write(A);
    body.abort(new Error("enough"));
    expect(body.bufferedBytes).toBe(0);
    await expect(stream.getReader().read()).rejects.toThrow("enough");
  });

  it("tells once that the reader is gone, and takes nothing more", async () => {
    const { body, stream, events } = setUp();
    body.write(A);
    await stream.cancel();
    expect(body.write(B)).toBe(false);
    body.close();
    body.abort(new Error("late"));
    expect(events).toEqual(["gone"]);
    expect(body.bufferedBytes).toBe(0);
  });
});

describe("PushBody, taken over by a writer", () => {
  it("gives it what waits and what comes, and ends after it", () => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    body.write(A);
    body.write(B);
    stream.takeOver(writer);
    body.write(C);
    body.close();
    expect(log).toEqual([A, B, C, "end"]);
  });

  it.each([[[A]], [[]]])("ends it when all was over before, after %j", (messages) => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    for (const message of messages) body.write(message);
    body.close();
    stream.takeOver(writer);
    expect(log).toEqual([...messages, "end"]);
  });

  it("has room again once all has left", () => {
    const { body, stream, events } = setUp();
    body.write(A);
    const { taken } = stream.takeOver(createWriter().writer);
    expect(body.write(B)).toBe(false);
    expect(body.bufferedBytes).toBe(3);
    taken();
    expect(events).toEqual([]);
    taken();
    expect(events).toEqual(["drained"]);
    expect(body.bufferedBytes).toBe(0);
  });

  it("breaks it off, and tells nothing of what leaves later", () => {
    const { body, stream, events } = setUp();
    const { writer, log } = createWriter();
    const { taken } = stream.takeOver(writer);
    body.write(A);
    body.abort(new Error("enough"));
    taken();
    expect(log).toEqual([A, "abort enough"]);
    expect(events).toEqual([]);
  });

  it("tells once that the other side is gone, and writes no more", () => {
    const { body, stream, events } = setUp();
    const { writer, log } = createWriter();
    const { gone } = stream.takeOver(writer);
    gone();
    gone();
    expect(body.write(A)).toBe(false);
    body.close();
    expect(events).toEqual(["gone"]);
    expect(log).toEqual([]);
  });

  it("tells of no one gone after its end", () => {
    const { body, stream, events } = setUp();
    const { gone } = stream.takeOver(createWriter().writer);
    body.close();
    gone();
    expect(events).toEqual([]);
  });

  it("breaks off at once when that was said before", () => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    body.write(A);
    body.abort(new Error("enough"));
    stream.takeOver(writer);
    expect(log).toEqual(["abort enough"]);
  });

  it("has one writer", () => {
    const { stream } = setUp();
    stream.takeOver(createWriter().writer);
    expect(() => stream.takeOver(createWriter().writer)).toThrow(/a writer has it already/);
  });
});
