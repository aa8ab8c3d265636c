/** Bytes as hexadecimal text: epochs, hashes and trace ids are bytes on the wire and lower-case hex elsewhere. */

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The bytes from `from` to `to` (all by default) as lower-case hex digits. */
export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let hex = "";
  for (let i = from; i < to; i++) hex += DIGITS[bytes[i]!]!;
  return hex;
}

/** The bytes of pairs of hex digits; empty for empty text. A pair that is not hex counts as 0. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length >> 1);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) || 0;
  return bytes;
}
