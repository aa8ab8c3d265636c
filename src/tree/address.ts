/** Network addresses as configuration writes them: `host:port`, an IPv6 host in brackets. */

export interface Address {
  readonly host: string;
  /** 0 to 65535; 0 asks the system for a free one. */
  readonly port: number;
}

/** Where a node listens. As text it is `host:port`, so that it can be written wherever an address is configured. */
export class NodeAddress implements Address {
  readonly host: string;
  readonly port: number;

  constructor({ host, port }: Address) {
    this.host = host;
    this.port = port;
  }

  toString(): string {
    return formatAddress(this);
  }

  toJSON(): string {
    return formatAddress(this);
  }
}

/** Reads `host:port`. Throws `SyntaxError` saying what is wrong. */
export function parseAddress(text: string): Address {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new SyntaxError(`"${text}" is not host:port, such as 127.0.0.1:19700 or [::1]:19700`);
  }
  const port = Number(match[2]);
  if (port > 65_535) throw new SyntaxError(`"${text}" has port ${port}, above 65535`);
  return { host: match[1]!.replace(/^\[|\]$/g, ""), port };
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
