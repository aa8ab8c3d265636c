/** Starts servers of Node.js. Apart from `listener.ts`, so that types which users see need no types of Node.js. */

import type { Server } from "node:net";
import { type ListenAddress, ListenError } from "./listener.ts";

/** Starts a Node.js server. Resolves with its port, rejects with {@linkcode ListenError}. */
export async function listenOn(server: Server, address: ListenAddress): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(ListenError.from(error, address)));
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : address.port;
}
