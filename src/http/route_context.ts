/** What `createHttpApi` passes to the functions that create routes. */

import type { NodeApi } from "./node_api.ts";
import type { ResolvedOptions } from "./options.ts";

export interface RouteContext {
  readonly node: NodeApi;
  readonly options: ResolvedOptions;
}
