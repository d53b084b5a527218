// Redaction in the page: a picture, a region drawn by hand, a video, and what cannot be redacted.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { broken, material } from "./footage";
import { accessible, expect, test } from "./server";

test.use({ suite: "redaction" });
test.describe.configure({ mode: "serial" });

let city: string | null;
test.beforeAll(async ({ server }) => {
  city = material("faces", "deface_city.jpg");
  test.skip(city === null, "there are no faces: RUSHES_MATERIAL names the folder of the material");
  await server.start();
});

test("faces are covered, a region is drawn by hand, and another is left alone", async ({ page, server }) => {
  await page.goto(`${server.url}/redactions`);
  await expect(page.getByLabel("faces")).toBeChecked();
  await accessible(page);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /Drop pictures/ }).click();
  await (await chooser).setFiles(city ?? "");
  const tile = page.getByRole("button", { name: "Look at deface_city.jpg" });
  await expect(tile).toBeVisible();
  await tile.click();
  const dialog = page.getByRole("dialog");
  const regions = dialog.locator("[data-region]");
  await expect(regions.first()).toBeVisible();
  const found = await regions.count();
  expect(found).toBeGreaterThan(5);
  await accessible(page);

  // Before and after lie over each other.
  await expect(dialog.getByAltText("Before")).toBeVisible();
  await dialog.getByRole("slider").fill("0");
  await expect(dialog.getByAltText("After")).toHaveCSS("clip-path", "inset(0px 0px 0px 100%)");
  await dialog.getByRole("slider").fill("100");

  const before = await download(page);
  const surface = dialog.locator("svg").last();
  const place = await surface.boundingBox();
  if (!place) throw new Error("the picture has no place");
  // A region where the road is: nothing is detected there.
  await page.mouse.move(place.x + place.width * 0.1, place.y + place.height * 0.9);
  await page.mouse.down();
  await page.mouse.move(place.x + place.width * 0.3, place.y + place.height * 0.98, { steps: 5 });
  await page.mouse.up();
  await dialog.getByRole("button", { name: "Redact again" }).click();
  await expect(page.getByText("Redacted again")).toBeVisible();
  await expect(regions).toHaveCount(found + 1);
  const after = await download(page);
  // A region by keys alone.
  await dialog.getByRole("button", { name: "Undo changes" }).click();
  await dialog.getByRole("button", { name: "Add a region" }).press("Enter");
  const mine = dialog.getByRole("button", { name: /Region of yours/ });
  await expect(mine).toBeFocused();
  const width = Number(await mine.getAttribute("width"));
  const left = Number(await mine.getAttribute("x"));
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowRight");
  expect(Number(await mine.getAttribute("x"))).toBeLessThan(left);
  expect(Number(await mine.getAttribute("width"))).toBeGreaterThan(width);
  await page.keyboard.press("Delete");
  await expect(mine).toHaveCount(0);
  // Only what was drawn has changed: the road, and not the sky.
  expect(difference(before, after, [0.15, 0.92, 0.1, 0.04])).toBeGreaterThan(0.5);
  expect(difference(before, after, [0, 0, 1, 0.5])).toBe(0);
});

test("a video is redacted, and what is no picture fails with its reason", async ({ page, server }) => {
  const video = path.join(server.folder, "pan.mp4");
  mkdirSync(server.folder, { recursive: true });
  const pan = "zoompan=z=1.2:x='iw/20*in/25':d=12:s=640x450:fps=25";
  execFileSync("ffmpeg", [
    "-nostdin",
    "-v",
    "error",
    "-y",
    "-i",
    city ?? "",
    "-vf",
    pan,
    "-frames:v",
    "12",
    "-pix_fmt",
    "yuv420p",
    video,
  ]);
  await page.goto(`${server.url}/redactions`);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /Drop pictures/ }).click();
  await (await chooser).setFiles([video, broken(server.folder)]);
  await expect(page.locator("video")).toBeVisible();
  await expect(page.getByText(/\d+ tracks?/)).toBeVisible();
  await expect(page.getByText("1 failed").or(page.locator(".failure").first())).toBeVisible();
  await page.getByRole("link", { name: "All redactions" }).click();
  await expect(page.getByText("1 failed")).toBeVisible();
  await accessible(page);
});

test("a panorama can be looked at from inside", async ({ page, server }) => {
  const panorama = material("pano360", "machu-picchu.jpg");
  await page.goto(`${server.url}/redactions`);
  await page.getByLabel("Pictures are").selectOption("whole panoramas");
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: /Drop pictures/ }).click();
  await (await chooser).setFiles(panorama ?? "");
  await page.getByRole("button", { name: "Look at machu-picchu.jpg" }).click();
  await page.getByRole("button", { name: "Look around" }).click();
  const canvas = page.locator("canvas");
  const picture = () => canvas.screenshot();
  await expect.poll(async () => new Set(await picture()).size).toBeGreaterThan(100);
  const first = await picture();
  await canvas.focus();
  for (let turn = 0; turn < 6; turn++) await page.keyboard.press("ArrowRight");
  await expect.poll(async () => (await picture()).equals(first)).toBe(false);
});

async function download(page: import("@playwright/test").Page): Promise<Buffer> {
  const file = page.waitForEvent("download");
  await page.getByRole("dialog").getByRole("link", { name: "Download" }).click();
  const jpeg = await (await file).path();
  return execFileSync(
    "ffmpeg",
    ["-nostdin", "-v", "error", "-i", jpeg, "-f", "rawvideo", "-pix_fmt", "gray", "-"],
    {
      maxBuffer: 1 << 26,
    },
  );
}

/** Mean difference of two grey pictures of 800 by 564 pixels, within a part given in shares of the sides. */
function difference(one: Buffer, other: Buffer, [x, y, w, h]: [number, number, number, number]): number {
  const [width, height] = [800, 564];
  expect(one.length).toBe(width * height);
  let sum = 0;
  let count = 0;
  for (let row = Math.ceil(y * height); row < (y + h) * height; row++)
    for (let column = Math.ceil(x * width); column < (x + w) * width; column++) {
      sum += Math.abs((one[row * width + column] ?? 0) - (other[row * width + column] ?? 0));
      count++;
    }
  return sum / count;
}
