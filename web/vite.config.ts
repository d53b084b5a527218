import { appendFileSync, readFileSync } from "node:fs";
import path from "node:path";
import license from "rollup-plugin-license";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// In development Vite serves the page and a running `rushes serve` answers for everything else.
const server = process.env.RUSHES_URL ?? "http://127.0.0.1:7420";
// The host stays as it is, because the server refuses pages of other origins.
const proxied = ["/v1", "/openapi.json", "/healthz", "/readyz", "/docs"];

/** What the page contains, with its licences; the settings lead there. */
const LICENCES = path.join(import.meta.dirname, "dist/page/licences.txt");

/** Licences of packages that may be in the page. */
const PERMISSIVE = new Set(["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"]);

export default defineConfig({
  plugins: [
    svelte(),
    // What the page contains asks to be named. The type is in a style sheet, which the plugin does not see.
    license({
      thirdParty: {
        allow: {
          // svelte-toolbelt names its licence, MIT, only in its file LICENSE.
          test: ({ name, license }) => PERMISSIVE.has(license ?? "") || name === "svelte-toolbelt",
          failOnViolation: true,
          failOnUnlicensed: false,
        },
        output: LICENCES,
      },
    }),
    {
      name: "licence-of-the-type",
      apply: "build",
      closeBundle() {
        const font = path.join(import.meta.dirname, "node_modules/@fontsource-variable/inter/LICENSE");
        appendFileSync(LICENCES, `\n---\n\nInter\n\n${readFileSync(font, "utf8")}`);
      },
    },
  ],
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
