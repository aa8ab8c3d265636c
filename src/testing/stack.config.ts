import { defineConfig } from "vitest/config";

/** Tests with the real OpenTelemetry Collector; making one takes minutes where none is at hand. */
export default defineConfig({
  test: {
    include: ["src/testing/stack/*.stack.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
