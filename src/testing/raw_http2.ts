/** HTTP/2 frame by frame, for tests of what no correct client sends. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 1;
export const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class RawHttp2 {
  readonly #socket: Socket;
  readonly #frames: Frame[] = [];
  readonly #closed: Promise<void>;
  #received = Buffer.alloc(0);
  #onChange: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    // Tests wait for the server to close the connection.
    socket.on("error", () => {});
    socket.on("close", () => this.#onChange());
    socket.on("data", (bytes) => this.#read(bytes));
  }

  /** Connects to a port of the loopback, and sends the preface unless told otherwise. */
  static async connect(port: number, { isSilent = false } = {}): Promise<RawHttp2> {
    const socket = connect(port, "127.0.0.1");
    const client = new RawHttp2(socket);
    await once(socket, "connect");
    if (!isSilent) {
      client.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
      client.send(FRAME.settings, 0, 0);
    }
    return client;
  }

  /** All frames received. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  write(bytes: Uint8Array): void {
    if (!this.isClosed) this.#socket.write(bytes);
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.write(encodeFrame(type, flags, stream, payload));
  }

  /** Opens a stream with a POST request; headers are encoded as literals. */
  post(stream: number, path: string, headers: Record<string, string>, flags = END_HEADERS): void {
    this.send(FRAME.headers, flags, stream, encodePost(path, headers));
  }

  /** Resolves to the first matching frame. Throws if the connection closes before. */
  async until(isWanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.find(isWanted);
      if (frame !== undefined) return frame;
      if (this.isClosed) throw new Error("The connection was closed");
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  /** Resolves once the connection is closed, to the error code of the server's GOAWAY if it sent one. */
  async closed(): Promise<number | undefined> {
    await this.#closed;
    return this.#frames.findLast(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 9) {
      const length = this.#received.readUIntBE(0, 3);
      if (this.#received.length < 9 + length) break;
      this.#frames.push({
        type: this.#received[3]!,
        flags: this.#received[4]!,
        stream: this.#received.readUInt32BE(5),
        payload: this.#received.subarray(9, 9 + length),
      });
      this.#received = this.#received.subarray(9 + length);
    }
    this.#onChange();
  }
}

export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block without compression: RFC 7541, section 6.2.2. */
export function encodePost(path: string, headers: Record<string, string>): Buffer {
  const literal = (text: string) => Buffer.concat([encodeLength(text.length), Buffer.from(text)]);
  const pairs = Object.entries({ ":authority": "node", ":path": path, ...headers });
  return Buffer.concat([
    // :method POST and :scheme http, from the static table.
    Buffer.of(0x83, 0x86),
    ...pairs.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  ]);
}

/** RFC 7541, section 5.1, with a prefix of 7 bits. */
function encodeLength(length: number): Buffer {
  if (length < 127) return Buffer.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}
