/** The name by which `bun.ts` knows the transport. */

export { createHttp2Transport as createNodeHttp2Transport } from "./http2_client.ts";
