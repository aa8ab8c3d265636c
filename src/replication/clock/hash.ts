/** A hash that distinguishes bytes, but does not resist deliberate collisions. */

/** 16 hex digits: two 32-bit hashes, FNV-1a once over the bytes and once over their complements. SPEC.md, "Schema hash". */
export function hashBytes(bytes: Uint8Array): string {
  let first = 0x811c_9dc5;
  let second = 0x811c_9dc5 ^ bytes.length;
  for (const byte of bytes) {
    first = Math.imul(first ^ byte, 0x0100_0193);
    second = Math.imul(second ^ (255 - byte), 0x0100_0193);
    second ^= second >>> 13;
  }
  return hex32(first) + hex32(second);
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
