import { defineConfig } from "vitest/config";

/** Tests with the real OpenTelemetry Collector; building one takes minutes if there is none. */
export default defineConfig({
  test: {
    include: ["src/testing/stack/*.stack.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
