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
    onClosed: () => events.push("closed"),
  });
  return { body, stream, events };
}

/** A writer that records its calls. */
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
  it("returns what was written, in order, and then ends", async () => {
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
    // Let the reader begin to wait.
    await Promise.resolve();
    body.close();
    expect((await read).done).toBe(true);
  });

  it("has room again once fewer bytes wait than the limit", async () => {
    const { body, stream, events } = setUp(3);
    expect(body.write(A)).toBe(true);
    expect(body.write(B)).toBe(false);
    expect(body.bufferedBytes).toBe(3);
    const reader = stream.getReader();
    expect((await reader.read()).value).toBe(A);
    expect(events).toEqual(["drained"]);
    expect(body.bufferedBytes).toBe(1);
  });

  it("passes one message to a waiting reader at once, and keeps the next", async () => {
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

  it("breaks off at once, and drops what waits", async () => {
    const { body, stream } = setUp();
    body.write(A);
    body.abort(new Error("enough"));
    expect(body.bufferedBytes).toBe(0);
    await expect(stream.getReader().read()).rejects.toThrow("enough");
  });

  it("reports once that the reader has left, and accepts nothing more", async () => {
    const { body, stream, events } = setUp();
    body.write(A);
    await stream.cancel();
    expect(body.write(B)).toBe(false);
    body.close();
    body.abort(new Error("late"));
    expect(events).toEqual(["closed"]);
    expect(body.bufferedBytes).toBe(0);
  });
});

describe("PushBody, with a writer", () => {
  it("writes what waits and what follows, and then ends", () => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    body.write(A);
    body.write(B);
    stream.attach(writer);
    body.write(C);
    body.close();
    expect(log).toEqual([A, B, C, "end"]);
  });

  it.each([[[A]], [[]]])("ends the writer if the body was closed before, after %j", (messages) => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    for (const message of messages) body.write(message);
    body.close();
    stream.attach(writer);
    expect(log).toEqual([...messages, "end"]);
  });

  it("has room again once all writes are flushed", () => {
    const { body, stream, events } = setUp();
    body.write(A);
    const { flushed } = stream.attach(createWriter().writer);
    expect(body.write(B)).toBe(false);
    expect(body.bufferedBytes).toBe(3);
    flushed();
    expect(events).toEqual([]);
    flushed();
    expect(events).toEqual(["drained"]);
    expect(body.bufferedBytes).toBe(0);
  });

  it("aborts the writer, and ignores later flushes", () => {
    const { body, stream, events } = setUp();
    const { writer, log } = createWriter();
    const { flushed } = stream.attach(writer);
    body.write(A);
    body.abort(new Error("enough"));
    flushed();
    expect(log).toEqual([A, "abort enough"]);
    expect(events).toEqual([]);
  });

  it("reports once that the peer has closed the stream, and writes no more", () => {
    const { body, stream, events } = setUp();
    const { writer, log } = createWriter();
    const { closed } = stream.attach(writer);
    closed();
    closed();
    expect(body.write(A)).toBe(false);
    body.close();
    expect(events).toEqual(["closed"]);
    expect(log).toEqual([]);
  });

  it("ignores that the peer closes the stream after its end", () => {
    const { body, stream, events } = setUp();
    const { closed } = stream.attach(createWriter().writer);
    body.close();
    closed();
    expect(events).toEqual([]);
  });

  it("aborts the writer at once if the body was aborted before", () => {
    const { body, stream } = setUp();
    const { writer, log } = createWriter();
    body.write(A);
    body.abort(new Error("enough"));
    stream.attach(writer);
    expect(log).toEqual(["abort enough"]);
  });

  it("accepts only one writer", () => {
    const { stream } = setUp();
    stream.attach(createWriter().writer);
    expect(() => stream.attach(createWriter().writer)).toThrow(/the body has one already/);
  });
});
