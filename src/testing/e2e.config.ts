import { defineConfig } from "vitest/config";

/** Tests with other programs, such as a real Prometheus; each reports a missing program and is skipped. */
export default defineConfig({
  test: { include: ["src/testing/stack/*.e2e.ts"], testTimeout: 60_000 },
});
