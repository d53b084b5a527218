// The library: failures with their fix, another attempt, deletion that can be undone, uploads that survive.

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { broken, counter } from "./footage";
import { accessible, expect, test } from "./server";

test.use({ suite: "library" });
test.describe.configure({ mode: "serial" });
test.beforeAll(async ({ server }) => server.start());

test("a failure is shown with its reason and its fix, and tried again", async ({ page, server }) => {
  const file = broken(server.footage);
  await page.goto(`${server.url}/library`);
  await page.getByRole("button", { name: "Add videos" }).click();
  await page.getByLabel(/Or a place/).fill(`file://${file}`);
  await accessible(page);
  await page.getByRole("button", { name: "Register it" }).click();
  const row = page.locator("[data-asset]");
  await expect(row).toContainText("failed");
  await expect(row).toContainText("Broken.mp4");
  await accessible(page);
  // The file is put right, and the work is done after all.
  writeFileSync(file, readFileSync(counter(server.footage)));
  await row.getByRole("button", { name: "Try again" }).click();
  await expect(row).toContainText("the file changed after it was registered");
  await row.getByRole("button", { name: "Register it again" }).click();
  await expect(row).toContainText("3 shots");
});

test("what is deleted can be had back for ten seconds", async ({ page, server }) => {
  await page.goto(`${server.url}/library`);
  const row = page.locator("[data-asset]");
  await row.getByRole("button", { name: /Actions/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(row).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row).toHaveCount(1);
  await page.reload();
  await expect(row).toContainText("3 shots");
});

test("what was deleted is gone after its page is", async ({ page, server, context }) => {
  const other = path.join(server.footage, "other");
  mkdirSync(other, { recursive: true });
  const file = path.join(other, "Leaving.mp4");
  // Some bytes more at the end make it another file.
  writeFileSync(file, Buffer.concat([readFileSync(counter(server.footage)), Buffer.alloc(2)]));
  server.rushes("ingest", file);
  const leaving = await context.newPage();
  await leaving.goto(`${server.url}/library`);
  await leaving
    .locator("[data-asset]", { hasText: "Leaving" })
    .getByRole("button", { name: /Actions/ })
    .click();
  await leaving.getByRole("menuitem", { name: "Delete" }).click();
  await expect(leaving.getByRole("button", { name: "Undo" })).toBeVisible();
  await leaving.close();
  await page.goto(`${server.url}/library`);
  await expect(page.locator("[data-asset]", { hasText: "Leaving" })).toHaveCount(0);
  await expect
    .poll(async () => (await (await page.request.get(`${server.url}/v1/assets`)).json()).assets.length)
    .toBe(1);
});

test("the library can be put in order", async ({ page, server }) => {
  const file = path.join(server.footage, "Aardvark.mp4");
  writeFileSync(file, Buffer.concat([readFileSync(counter(server.footage)), Buffer.alloc(1)]));
  server.rushes("ingest", file);
  await page.goto(`${server.url}/library`);
  const names = page.locator("[data-asset] strong");
  await expect(names).toHaveCount(2);
  await page.getByLabel("Order").selectOption("title");
  await expect(names.first()).toHaveText("Aardvark");
  await page.getByLabel("Order").selectOption("newest");
  await expect(names.first()).toHaveText("Aardvark");
  server.rushes("delete", "--yes", "Aardvark");
});

test("an upload over a broken line continues where it stopped", async ({ page, server }) => {
  // Nothing but size matters: the line breaks after the first piece.
  const file = path.join(server.folder, "long.mp4");
  const counted = readFileSync(counter(server.footage));
  writeFileSync(file, Buffer.concat([counted, Buffer.alloc(12 << 20)]));
  let broke = 0;
  await page.route("**/v1/uploads/*", async (route) => {
    if (route.request().method() === "PATCH" && broke++ === 0) return route.abort("connectionreset");
    await route.continue();
  });
  await page.goto(`${server.url}/library`);
  await page.getByRole("button", { name: "Add videos" }).click();
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /Choose files to upload/ }).click();
  await (await chooser).setFiles(file);
  await expect(page.locator("[data-asset]", { hasText: "long.mp4" })).toBeVisible();
  expect(broke).toBeGreaterThan(1);
  expect(statSync(file).size).toBeGreaterThan(12 << 20);
});

test("subtitles are added to a video afterwards, and removed", async ({ page, server }) => {
  await page.goto(`${server.url}/library`);
  await page.locator("[data-asset]", { hasText: "Broken.mp4" }).getByRole("button").first().click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("None, so this video is found by sight only.");
  // It has none in its pictures either, or nobody read them; either way it is said.
  await dialog.getByRole("button", { name: "From the pictures" }).click();
  await expect(page.getByText(/the pictures of this video/)).toBeVisible();
  await dialog.getByLabel("Language of the subtitles").fill("en");
  const chooser = page.waitForEvent("filechooser");
  await dialog.getByRole("button", { name: /Add subtitles/ }).click();
  const buffer = Buffer.from("1\n00:00:01,000 --> 00:00:02,000\nA persimmon.\n");
  await (await chooser).setFiles({ name: "said.srt", mimeType: "application/x-subrip", buffer });
  await expect(dialog).toContainText("en, uploaded");
  await page.goto(`${server.url}/?q=persimmon`);
  await expect(async () => {
    await page.reload();
    await expect(page.locator("[data-shot]").first()).toContainText("persimmon", { timeout: 2000 });
  }).toPass();
});

test("a watched folder brings what arrives in it, and says what it refused", async ({ page, server }) => {
  const arrivals = path.join(server.folder, "arrivals");
  mkdirSync(arrivals);
  await page.goto(`${server.url}/library`);
  await page.getByRole("button", { name: "Watched folders" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Folder or prefix").fill(arrivals);
  await dialog.getByLabel("Title").fill("Arrivals");
  await dialog.getByRole("button", { name: "Watch it" }).click();
  await expect(dialog).toContainText("as Arrivals");
  await accessible(page);
  writeFileSync(path.join(arrivals, "bad.mp4"), "no video");
  // Other bytes than those of the first test, or it would be the same video.
  writeFileSync(
    path.join(arrivals, "good.mp4"),
    Buffer.concat([readFileSync(counter(server.footage)), Buffer.alloc(9)]),
  );
  await expect(page.locator("[data-asset]", { hasText: "good.mp4" })).toContainText("3 shots");
  await expect(async () => {
    await page.reload();
    await page.getByRole("button", { name: "Watched folders" }).click();
    await expect(dialog).toContainText("1 refused", { timeout: 2000 });
  }).toPass();
  await dialog.getByRole("button", { name: "Stop watching" }).click();
  await expect(dialog).toContainText("None.");
});
