/**
 * The body of an answer that is pushed as things happen. Anyone reads it as a stream. A runtime that
 * writes to connections of its own can take the bytes without a stream in between: that leaves out
 * several promises a message, and most of what a downstream takes of memory.
 */

import type { Sink } from "./downstream.ts";

/** Where the bytes of a {@linkcode PushStream} go directly. */
export interface BodyWriter {
  /** Takes bytes; what is to be told once they have left this process is {@linkcode BodyReader.taken}. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Nothing more comes; what was written is still to be sent. */
  end(): void;
  /** Cuts the connection's stream off at once. */
  abort(error: Error): void;
}

/** What a {@linkcode PushStream} is told by whoever took it over. */
export interface BodyReader {
  /** The bytes of one write have left, the oldest that had not. Later than within that write. */
  taken(): void;
  /** The other side is gone: nothing more is taken. */
  gone(): void;
}

/** A stream that can be taken over by a writer instead of being read. */
export interface PushStream extends ReadableStream<Uint8Array<ArrayBuffer>> {
  /** Gives `writer` all that waits and all that comes. To be called once, instead of reading. */
  takeOver(writer: BodyWriter): BodyReader;
}

export interface PushBodyOptions {
  /** From how many bytes that wait on no more should be written. */
  readonly bufferBytes: number;
  /** Is told when more can be written, after {@linkcode PushBody.write} returned false. */
  onDrained(): void;
  /** Is told when the other side is gone before the end. */
  onGone(): void;
}

export class PushBody implements Sink {
  readonly #options: PushBodyOptions;
  /** Of the stream; undefined once a writer has taken over, so that the stream is not kept. */
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #writer: BodyWriter | undefined = undefined;
  /** What no reader has asked for yet. */
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #bufferedBytes = 0;
  /** Whether a reader waits. */
  #isWanted = false;
  /** Messages that the writer has not taken yet. */
  #untaken = 0;
  #isEnding = false;
  #isOver = false;
  /** What it was broken off with. */
  #error: Error | undefined = undefined;
  private constructor(options: PushBodyOptions) {
    this.#options = options;
  }

  /** Makes a body, and the stream that it goes to. */
  static open(options: PushBodyOptions): { readonly body: PushBody; readonly stream: PushStream } {
    const body = new PushBody(options);
    const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
      start: (controller) => {
        body.#controller = controller;
      },
      pull: () => body.#pull(),
      cancel: () => body.#gone(),
    };
    // What waits is kept here, not in the stream: a writer that takes over is to get it.
    const stream = new ReadableStream(source, { highWaterMark: 0 });
    const takeOver: PushStream["takeOver"] = (writer) => body.#takeOver(writer);
    return { body, stream: Object.assign(stream, { takeOver }) };
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  write(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#isOver || this.#isEnding) return false;
    if (this.#writer !== undefined) {
      this.#give(this.#writer, bytes);
    } else if (this.#isWanted) {
      this.#isWanted = false;
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

  #give(writer: BodyWriter, bytes: Uint8Array<ArrayBuffer>): void {
    this.#untaken++;
    this.#bufferedBytes += bytes.length;
    writer.write(bytes);
  }

  #pull(): void {
    const bytes = this.#waiting.shift();
    if (bytes === undefined) {
      this.#isWanted = true;
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

  #gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    this.#options.onGone();
  }

  #taken(): void {
    if (--this.#untaken > 0) return;
    this.#bufferedBytes = 0;
    if (!this.#isOver) this.#options.onDrained();
  }

  #takeOver(writer: BodyWriter): BodyReader {
    if (this.#controller === undefined)
      throw new TypeError("Cannot take the body over: a writer has it already");
    const waiting = this.#waiting;
    this.#writer = writer;
    this.#controller = undefined;
    this.#waiting = [];
    this.#bufferedBytes = 0;
    for (const bytes of waiting) this.#give(writer, bytes);
    if (this.#error !== undefined) writer.abort(this.#error);
    else if (this.#isEnding) this.#end();
    return { taken: () => this.#taken(), gone: () => this.#gone() };
  }
}
