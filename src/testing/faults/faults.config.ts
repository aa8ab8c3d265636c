import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/testing/faults/*.faults.ts"],
    // Up to nine processes at a time are enough: they measure how long things take.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
