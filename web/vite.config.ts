import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// In development Vite serves the page and a running `rushes serve` answers for everything else.
const server = process.env.RUSHES_URL ?? "http://127.0.0.1:7420";
// The host stays as it is, because the server refuses pages of other origins.
const proxied = ["/v1", "/openapi.json", "/healthz", "/readyz", "/docs"];

export default defineConfig({
  plugins: [svelte()],
  build: {
    assetsDir: "page",
    target: "es2022",
    // The content policy allows no `data:` scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: false }])),
  },
  test: { include: ["src/**/*.test.ts"] },
});
