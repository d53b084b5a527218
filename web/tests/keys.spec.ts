// A server for other machines: the page asks for a key, keeps it where scripts cannot read it, and says when it is no
// good any more.

import { counter } from "./footage";
import { accessible, cards, expect, search, test } from "./server";

test.use({ suite: "keys" });
test.describe.configure({ mode: "serial" });

let key = "";
test.beforeAll(async ({ server }) => {
  counter(server.footage);
  server.rushes("ingest", server.footage);
  key = server.rushes("key", "create", "editor", "--scope", "read,write").trim();
  await server.start(true);
});

test("the page asks for a key, and shows nothing without one", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByRole("heading", { name: "This server needs a key" })).toBeVisible();
  await accessible(page);
  await page.getByLabel("Key", { exact: true }).fill("rk_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("no such key");
  expect((await page.request.get(`${server.url}/v1/titles`)).status()).toBe(401);
});

test("with a key, pictures, clips and events come too", async ({ page, server, context }) => {
  await page.goto(server.url);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("1 title")).toBeVisible();
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain(key);
  await search(page, "a pattern");
  await cards(page).first().hover();
  await expect(page.locator("video.drawn")).toBeVisible();
  await page.goto(`${server.url}/settings`);
  await expect(page.getByText("Signed in as editor")).toBeVisible();
});

test("a revoked key leads back to the question, and a sign-out forgets it", async ({ page, server }) => {
  await page.goto(server.url);
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("1 title")).toBeVisible();
  server.rushes("key", "revoke", "editor");
  await page.getByRole("link", { name: "Bins" }).click();
  await expect(page.getByRole("heading", { name: "This server needs a key" })).toBeVisible();
});

test("keys are made and revoked in the settings, and a secret is shown once", async ({ page, server }) => {
  await page.clock.install();
  const boss = server.rushes("key", "create", "boss", "--scope", "admin").trim();
  await page.goto(`${server.url}/settings`);
  await page.getByLabel("Key", { exact: true }).fill(boss);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Name of the new key").fill("panel");
  await page.getByRole("button", { name: "Make a key" }).click();
  await expect(page.getByText("The secret of panel, shown this once")).toBeVisible();
  const secret = (await page.locator(".secret code").textContent()) ?? "";
  const titles = () => page.request.get(`${server.url}/v1/titles`, { headers: { "x-api-key": secret } });
  expect((await titles()).status()).toBe(200);
  await accessible(page);
  await page.reload();
  await expect(page.getByText(secret)).toHaveCount(0);
  const row = page.getByRole("listitem").filter({ hasText: "panel" });
  // One press asks, and harms nothing.
  await row.getByRole("button", { name: "Revoke" }).click();
  await expect(row.getByRole("button", { name: "Really revoke it?" })).toBeVisible();
  expect((await titles()).status()).toBe(200);
  // A press that follows at once is half of a double click.
  await page.clock.fastForward(1000);
  await row.getByRole("button", { name: "Really revoke it?" }).click();
  await expect(row).toHaveCount(0);
  expect((await titles()).status()).toBe(401);
});

test("a key that may only look is offered nothing else", async ({ page, server }) => {
  const guest = server.rushes("key", "create", "guest", "--scope", "read").trim();
  await page.goto(server.url);
  await page.getByLabel("Key", { exact: true }).fill(guest);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("1 title")).toBeVisible();
  await expect(page.getByRole("link", { name: "Redact" })).toBeHidden();
  await page.getByRole("link", { name: "Library" }).click();
  await expect(page.locator("[data-asset]")).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Add videos" })).toBeHidden();
  await page.getByRole("button", { name: /Actions for/ }).click();
  await expect(page.getByRole("menuitem", { name: "Show its shots" })).toBeVisible();
  await expect(page.getByRole("menuitem", { name: "Delete" })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await page.goto(`${server.url}/?q=a+pattern`);
  await cards(page).first().getByRole("link").focus();
  await page.keyboard.press("b");
  await expect(page.getByText("Your key may look, but not collect into bins.")).toBeVisible();
});
