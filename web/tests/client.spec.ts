// The typed client says what the server says.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "./server";

test.use({ suite: "client" });
test.beforeAll(async ({ server }) => server.start());

test("the types in src/api/schema.d.ts are those of the document", ({ server }) => {
  const made = path.join(server.folder, "schema.d.ts");
  const tool = path.join(import.meta.dirname, "../node_modules/.bin/openapi-typescript");
  execFileSync(tool, [`${server.url}/openapi.json`, "-o", made], { stdio: "pipe" });
  const kept = readFileSync(path.join(import.meta.dirname, "../src/api/schema.d.ts"), "utf8");
  expect(readFileSync(made, "utf8") === kept, "run `npm run client` against this server").toBe(true);
});
