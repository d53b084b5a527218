import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  testMatch: "**/*.spec.ts",
  // Each file has a server of its own; two cores bear one at a time.
  workers: 1,
  fullyParallel: false,
  // Decoding, embedding and a browser share two cores: what is waited for may take long, and ends at once when it is there.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  forbidOnly: true,
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env.RUSHES_BROWSER ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
    },
    trace: "retain-on-failure",
    acceptDownloads: true,
  },
});
