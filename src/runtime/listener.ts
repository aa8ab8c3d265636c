/** Parameters and result of every runtime's `listenHttp`, and what its implementations share. */

export type FetchHandler = (request: Request) => Response | Promise<Response>;

export interface ListenAddress {
  readonly host: string;
  /** 0 asks the system for a free port. */
  readonly port: number;
}

export interface Listener {
  /** The port in use. */
  readonly port: number;
  /** Stops listening and ends connections; running requests have up to `graceMs` (500) to finish. */
  close(graceMs?: number): Promise<void>;
}

/** The server cannot listen on an address. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: "address_in_use" | "address_unavailable" | "permission_denied" | "unknown";
  readonly address: ListenAddress;

  constructor(code: ListenError["code"], address: ListenAddress, cause: unknown) {
    super(`Cannot listen on ${address.host}:${address.port}: ${REASONS[code]}`, { cause });
    this.code = code;
    this.address = address;
  }

  /** Converts a runtime's error: Node.js and Bun set an `errno` code, Deno an error class. */
  static from(cause: unknown, address: ListenAddress): ListenError {
    const { code, name } = cause as { code?: string; name?: string };
    return new ListenError(CODES[code ?? ""] ?? CODES[name ?? ""] ?? "unknown", address, cause);
  }
}

const REASONS: Record<ListenError["code"], string> = {
  address_in_use: "the port is taken by another program",
  address_unavailable: "this machine has no such address",
  permission_denied: "the system forbids this port",
  unknown: "the system refused",
};

const CODES: Record<string, ListenError["code"]> = {
  EADDRINUSE: "address_in_use",
  AddrInUse: "address_in_use",
  EADDRNOTAVAIL: "address_unavailable",
  AddrNotAvailable: "address_unavailable",
  ENOTFOUND: "address_unavailable",
  EACCES: "permission_denied",
  PermissionDenied: "permission_denied",
};

/**
 * Waits for `closed`, calls `force` after `graceMs`, and returns 100 ms later at the latest: not every
 * runtime reports the close of a server whose connections were cut.
 */
export async function closeWithin(
  closed: Promise<unknown>,
  graceMs: number,
  force: () => void,
): Promise<void> {
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  let timer = setTimeout(() => {
    force();
    timer = setTimeout(giveUp, 100);
  }, graceMs);
  await Promise.race([closed, givenUp]);
  clearTimeout(timer);
}
