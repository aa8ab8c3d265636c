import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["src/testing/faults/*.faults.ts"], testTimeout: 60_000, hookTimeout: 30_000 },
});
