import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", ".ci/*.test.ts"],
    testTimeout: 20_000,
    typecheck: { enabled: false },
  },
});
