/** Many downstreams as a process of the bench: they only read and count. */

import { serve } from "./child.bench.ts";
import { RawConnection } from "./raw_http2.bench.ts";

/** Connections opened at the same time, fewer than a server's backlog. */
const AT_ONCE = 100;

const connections: RawConnection[] = [];

const commands = {
  /** Opens `count` connections of `streams` subscriptions each; resolves once all have begun, to the bytes that one connection received until then. */
  async open(port: number, request: Uint8Array, count: number, streams: number) {
    while (connections.length < count) {
      const more = Math.min(AT_ONCE, count - connections.length);
      const opening = Array.from({ length: more }, () =>
        RawConnection.open(port, request, streams),
      );
      connections.push(...(await Promise.all(opening)));
    }
    await until(() => connections.every(({ started }) => started === streams));
    return connections[0]!.joinBytes;
  },
  /** Resolves once all subscriptions have reached `seq`, to the total of what they received. */
  async reach(seq: number) {
    await until(() => connections.every((connection) => connection.seq >= seq));
    return {
      frames: connections.reduce((sum, { frames }) => sum + frames, 0),
      bytes: connections.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  },
};

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export type ReadersCommands = typeof commands;

serve(commands);
