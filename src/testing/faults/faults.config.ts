import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["src/testing/faults/*.faults.ts"], testTimeout: 300_000, hookTimeout: 120_000 },
});
