/**
 * The body of a response to Subscribe, written as changes happen. It can be read as a stream. A runtime that
 * writes to its connections itself attaches a writer instead, with no Web stream in between: that saves
 * several promises per message, and most of a downstream's memory.
 */

import type { Sink } from "./downstream.ts";

/** The direct target of a {@linkcode PushStream}, instead of a reader. */
export interface BodyWriter {
  /** Writes bytes; {@linkcode WriterEvents.flushed} follows once they have left this process. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Nothing more will be written; what was written is still to be sent. */
  end(): void;
  /** Resets the connection's stream at once. */
  abort(error: Error): void;
}

/** What the owner of a {@linkcode BodyWriter} reports back. */
export interface WriterEvents {
  /** The oldest pending write has left this process. Not to be called within that write. */
  flushed(): void;
  /** The peer has closed the stream: it receives nothing more. */
  closed(): void;
}

/** A stream that a writer can be attached to, instead of a reader. */
export interface PushStream extends ReadableStream<Uint8Array<ArrayBuffer>> {
  /** Writes all that waits, and all that follows, to `writer`. Call it once, instead of reading. */
  attach(writer: BodyWriter): WriterEvents;
}

export interface PushBodyOptions {
  /** From this many waiting bytes on, nothing more should be written. */
  readonly bufferBytes: number;
  /** Called when more can be written, after {@linkcode PushBody.write} returned false. */
  onDrained(): void;
  /** Called when the peer closes the stream before its end. */
  onClosed(): void;
}

export class PushBody implements Sink {
  readonly #options: PushBodyOptions;
  /** Of the stream; undefined once a writer is attached, so that the stream can be collected. */
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #writer: BodyWriter | undefined = undefined;
  /** Written, but not read yet. */
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #bufferedBytes = 0;
  /** Whether a reader waits. */
  #isAwaited = false;
  /** Writes that the writer has not flushed yet. */
  #unflushed = 0;
  #isEnding = false;
  #isOver = false;
  /** Why it was aborted. */
  #error: Error | undefined = undefined;

  private constructor(options: PushBodyOptions) {
    this.#options = options;
  }

  /** Creates a body and its stream. */
  static open(options: PushBodyOptions): { readonly body: PushBody; readonly stream: PushStream } {
    const body = new PushBody(options);
    const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
      start: (controller) => {
        body.#controller = controller;
      },
      pull: () => body.#pull(),
      cancel: () => body.#closed(),
    };
    // The stream keeps nothing that waits, so that an attached writer can receive it.
    const stream = new ReadableStream(source, { highWaterMark: 0 });
    const attach: PushStream["attach"] = (writer) => body.#attach(writer);
    return { body, stream: Object.assign(stream, { attach }) };
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  write(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#isOver || this.#isEnding) return false;
    if (this.#writer !== undefined) {
      this.#writeTo(this.#writer, bytes);
    } else if (this.#isAwaited) {
      this.#isAwaited = false;
      this.#controller!.enqueue(bytes);
    } else {
      this.#waiting.push(bytes);
      this.#bufferedBytes += bytes.length;
    }
    return this.#hasRoom;
  }

  close(): void {
    if (this.#isOver || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#waiting.length === 0) this.#end();
  }

  abort(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    if (this.#writer !== undefined) this.#writer.abort(error);
    else this.#controller!.error(error);
  }

  get #hasRoom(): boolean {
    return this.#bufferedBytes < this.#options.bufferBytes;
  }

  #writeTo(writer: BodyWriter, bytes: Uint8Array<ArrayBuffer>): void {
    this.#unflushed++;
    this.#bufferedBytes += bytes.length;
    writer.write(bytes);
  }

  #pull(): void {
    const bytes = this.#waiting.shift();
    if (bytes === undefined) {
      this.#isAwaited = true;
      return;
    }
    this.#bufferedBytes -= bytes.length;
    this.#controller!.enqueue(bytes);
    if (this.#isEnding) {
      if (this.#waiting.length === 0) this.#end();
    } else if (this.#hasRoom) {
      this.#options.onDrained();
    }
  }

  #end(): void {
    this.#isOver = true;
    if (this.#writer !== undefined) this.#writer.end();
    else this.#controller!.close();
  }

  #closed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    this.#options.onClosed();
  }

  #flushed(): void {
    if (--this.#unflushed > 0) return;
    this.#bufferedBytes = 0;
    if (!this.#isOver) this.#options.onDrained();
  }

  #attach(writer: BodyWriter): WriterEvents {
    if (this.#controller === undefined)
      throw new TypeError("Cannot attach the writer: the body has one already");
    const waiting = this.#waiting;
    this.#writer = writer;
    this.#controller = undefined;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    for (const bytes of waiting) this.#writeTo(writer, bytes);
    if (this.#error !== undefined) writer.abort(this.#error);
    else if (this.#isEnding) this.#end();
    return { flushed: () => this.#flushed(), closed: () => this.#closed() };
  }
}
