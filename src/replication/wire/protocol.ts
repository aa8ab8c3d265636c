/** Paths and content types of the protocol. The `.proto` file determines the paths. */

const SERVICE = "statesource.v1.StateSourceService";
export const SUBSCRIBE_PATH = `/${SERVICE}/Subscribe`;
export const MUTATE_PATH = `/${SERVICE}/Mutate`;
export const PROBE_PATH = `/${SERVICE}/Probe`;
/** All paths of the service. */
export const REPLICATION_PATHS: readonly string[] = [SUBSCRIBE_PATH, MUTATE_PATH, PROBE_PATH];

/** Content types of the Connect protocol with binary messages. */
export const STREAM_TYPE = "application/connect+proto";
export const UNARY_TYPE = "application/proto";
