// The way of a creative through the page: an empty library, an upload, a search, a shot, a bin, an export.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { BITS, counter, FRAMES, SHOT } from "./footage";
import { accessible, burnt, cards, expect, intoResults, search, test } from "./server";

test.use({ suite: "work" });
test.describe.configure({ mode: "serial" });
test.beforeAll(async ({ server }) => server.start());

test("an empty library says how to begin", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByRole("heading", { name: "Nothing to search yet" })).toBeVisible();
  await accessible(page);
  await page.locator("main").getByRole("link", { name: "library" }).click();
  await expect(page.getByRole("heading", { name: "Drop videos here" })).toBeVisible();
  await accessible(page);
});

test("a video is uploaded, and its work can be watched until it is ready", async ({ page, server }) => {
  await page.goto(`${server.url}/library`);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose files" }).click();
  await (await chooser).setFiles(counter(server.footage));
  const row = page.locator("[data-asset]");
  await expect(row).toContainText("Counter.mp4");
  await expect(row).toContainText("3 shots");
  await row
    .getByRole("button", { name: /Counter/ })
    .first()
    .click();
  await expect(page.getByRole("dialog")).toContainText("640 × 360");
  await expect(page.getByRole("dialog")).toContainText("finding shots");
  await accessible(page);
});

test("a shot plays under the pointer, and frames are drawn", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a pattern");
  await cards(page).first().hover();
  const video = cards(page).first().locator("video.drawn");
  await expect(video).toBeVisible();
  const first = await burnt(page, BITS);
  await expect.poll(() => burnt(page, BITS)).not.toBe(first);
  await page.mouse.move(5, 5);
  await expect(page.locator("video")).toHaveCount(0);
});

test("frames are stepped one by one, and the number in the picture is the number shown", async ({
  page,
  server,
}) => {
  await page.goto(server.url);
  await search(page, "a pattern");
  await expect(cards(page)).toHaveCount(3);
  await cards(page).first().getByRole("link").click();
  const shown = page.locator("[data-frame]");
  await expect
    .poll(async () => (await page.locator("video").evaluate((v: HTMLVideoElement) => v.readyState)) >= 2)
    .toBe(true);
  const start = Number(/\.(\d+)-/.exec(decodeURIComponent(page.url()))?.[1]);
  for (const [key, frame] of [
    ["ArrowRight", 1],
    ["ArrowRight", 2],
    ["Shift+ArrowRight", 12],
    ["ArrowLeft", 11],
  ] as const) {
    await page.keyboard.press(key);
    await expect.poll(() => burnt(page, BITS)).toBe(start + frame);
    await expect(shown).toHaveText(String(start + frame));
  }
  await page.keyboard.press("End");
  // Timecode is counted at the nominal rate.
  const nominal = Math.floor((start + 11) / 24);
  await expect(page.locator("[data-timecode]")).toHaveText(
    `00:00:0${nominal}:${String((start + 11) % 24).padStart(2, "0")}`,
  );
  await accessible(page);
});

test("the neighbours of a shot lead through the video", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a pattern");
  await cards(page).first().getByRole("link").click();
  const strip = page.getByRole("list", { name: "Neighbouring shots" });
  await expect(strip.getByRole("link")).toHaveCount(FRAMES / SHOT);
  await strip.getByRole("link").nth(0).click();
  await expect(page.locator("[data-frame]")).toHaveText("0");
  await expect(strip.locator("[aria-current]")).toBeVisible();
  await page.keyboard.press("]");
  await expect(page.locator("[data-frame]")).toHaveText(String(SHOT));
  await expect(page.getByRole("heading", { name: "Similar shots" })).toBeVisible();
});

test("picks are trimmed, noted and moved, and the export opens elsewhere", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a pattern");
  // By keyboard alone: into the results, along them, and into the bin.
  await intoResults(page);
  await page.keyboard.press("b");
  await expect(page.getByText(/Added to Picks/)).toBeVisible();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("b");
  const dock = page.getByRole("complementary", { name: "Bin" });
  await expect(dock).toContainText("2 picks");
  await accessible(page);
  await dock.getByRole("link", { name: "Open bin" }).click();
  await expect(page.getByText("2 picks")).toBeVisible();
  const rows = page.locator(".pick");
  const times = await rows.locator(".times").allTextContents();

  await page.getByRole("button", { name: "In one frame later" }).first().click();
  await expect(rows.first()).toContainText(`${SHOT - 1} frames`);
  await page.getByLabel("Note of pick 1").fill("opening");
  await page.getByLabel("Note of pick 1").press("Enter");
  await page.getByRole("button", { name: /Move pick 1/ }).focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByLabel("Note of pick 2")).toHaveValue("opening");
  await expect(rows.first().locator(".times")).toHaveText(times[1] ?? "");
  await page.getByLabel("Name of the bin").fill("Trailer <b>1</b>");
  await page.getByLabel("Name of the bin").press("Enter");
  await page.reload();
  await expect(page.getByLabel("Note of pick 2")).toHaveValue("opening");
  await expect(page.getByLabel("Name of the bin")).toHaveValue("Trailer <b>1</b>");
  await accessible(page);

  await page.getByRole("button", { name: "Export" }).click();
  await accessible(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: /^otio / }).click();
  const file = await (await download).path();
  expect(JSON.parse(readFileSync(file, "utf8"))).toHaveProperty("OTIO_SCHEMA");
  const script =
    "import sys, opentimelineio as otio\n" +
    "clips = list(otio.adapters.read_from_file(sys.argv[1], 'otio_json').find_clips())\n" +
    "print([int(clip.source_range.duration.value) for clip in clips])";
  const python = process.env.RUSHES_TEST_PYTHON ?? "python3";
  const read = execFileSync(python, ["-c", script, file], { encoding: "utf8" });
  expect(JSON.parse(read)).toEqual([SHOT, SHOT - 1]);
});

test("two tabs that edit one bin lose nothing", async ({ page, server, context }) => {
  await page.goto(`${server.url}/bins`);
  await page.locator("main ul").getByRole("link").first().click();
  await expect(page.locator(".pick")).toHaveCount(2);
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.locator(".pick")).toHaveCount(2);
  await other.getByRole("button", { name: "Remove pick 1" }).click();
  await expect(other.locator(".pick")).toHaveCount(1);
  // The first tab follows by itself.
  await expect(page.locator(".pick")).toHaveCount(1);
  await other.getByRole("button", { name: "Undo" }).click();
  await expect(other.locator(".pick")).toHaveCount(2);
  await expect(page.locator(".pick")).toHaveCount(2);
  // A tab that hears nothing of the others changes an older revision: it is refused, and shows the newer one.
  const deaf = await context.newPage();
  await deaf.route("**/v1/events", (route) => route.abort());
  await deaf.goto(page.url());
  await expect(deaf.locator(".pick")).toHaveCount(2);
  await other.getByLabel("Note of pick 1").fill("from elsewhere");
  await other.getByLabel("Note of pick 1").press("Enter");
  await expect(page.getByLabel("Note of pick 1")).toHaveValue("from elsewhere");
  await deaf.getByLabel("Note of pick 1").fill("mine");
  await deaf.getByLabel("Note of pick 1").press("Enter");
  await expect(deaf.getByText("Somebody else changed this note meanwhile")).toBeVisible();
  await expect(deaf.getByLabel("Note of pick 1")).toHaveValue("from elsewhere");
});

test("the server may be restarted under an open page", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a pattern");
  await expect(cards(page)).toHaveCount(3);
  await server.stop();
  await page.getByRole("textbox", { name: "What to look for" }).fill("another pattern");
  await expect(page.getByRole("alert")).toContainText("The server does not answer");
  await server.start();
  await search(page, "a pattern");
  await expect(cards(page)).toHaveCount(3);
});
