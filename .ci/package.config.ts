import { defineConfig } from "vitest/config";

/** Tests of the package as users install it; they build it, and install it with npm. */
export default defineConfig({
  test: { include: [".ci/*.package.ts"], testTimeout: 60_000, hookTimeout: 180_000 },
});
