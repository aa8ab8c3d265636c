/**
 * The least that a push can cost: a bare `node:http2` server that writes the same bytes to all streams,
 * without our code.
 */

import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { STREAM_TYPE } from "../wire/connect.ts";
import { cpuUs, serve, turn, usage } from "./child.bench.ts";

const server = createServer();
const streams: ServerHttp2Stream[] = [];
let number = 0;

server.on("stream", (stream) => {
  stream.on("error", () => {});
  stream.respond({ ":status": 200, "content-type": STREAM_TYPE, "cache-control": "no-store" });
  stream.write(message(32));
  streams.push(stream);
});

/** An envelope of `bytes` bytes whose message starts with a seq, the number of the push. */
function message(bytes: number): Buffer {
  const envelope = Buffer.alloc(bytes);
  envelope.writeUInt32BE(bytes - 5, 1);
  envelope[5] = 0x08;
  for (let i = 0; i < 4; i++) envelope[6 + i] = 0x80 | ((number >>> (7 * i)) & 0x7f);
  envelope[10] = (number >>> 28) & 0x0f;
  return envelope;
}

const commands = {
  async start() {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { port: (server.address() as AddressInfo).port };
  },
  cpuUs,
  usage,
  /** Writes `bytes` bytes to all streams, `perSecond` times a second. Returns the number of the last push. */
  async push(bytes: number, perSecond: number, durationMs: number) {
    const startMs = performance.now();
    for (let dueMs = startMs; ; dueMs += 1_000 / perSecond) {
      await turn(dueMs - performance.now());
      if (performance.now() - startMs >= durationMs) return number;
      number++;
      const envelope = message(bytes);
      for (const stream of streams) stream.write(envelope);
    }
  },
  /** Pushes as fast as possible: the next one begins when the last is written to all. */
  async flood(bytes: number, durationMs: number) {
    const startMs = performance.now();
    while (performance.now() - startMs < durationMs) {
      number++;
      const envelope = message(bytes);
      await new Promise<void>((resolve) => {
        let left = streams.length;
        const written = () => {
          if (--left === 0) resolve();
        };
        for (const stream of streams) stream.write(envelope, written);
      });
    }
    return number;
  },
};

export type BareCommands = typeof commands;

serve(commands);
