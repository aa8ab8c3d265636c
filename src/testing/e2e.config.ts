import { defineConfig } from "vitest/config";

/** Tests with other programs, such as a real Prometheus; each says what it lacks where that is missing. */
export default defineConfig({
  test: { include: ["src/testing/stack/*.e2e.ts"], testTimeout: 60_000 },
});
