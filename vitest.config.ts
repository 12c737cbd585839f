import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

// Packages resolve one another to their TypeScript sources, so that tests need no build.
const conditions = ["pagetrail-source", ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "test/**/*.test.ts"],
    // The sample project has its own run, with the packed packages.
    exclude: ["**/node_modules/**", "**/dist/**", "test/sample-project/**"],
    // A busy machine slows property tests and recordings many times over; none of them may fail for that.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
