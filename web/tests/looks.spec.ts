// Every screen in dark and light, at three widths: accessible, nothing cut off, light enough. With RUSHES_PICTURES it
// also makes the pictures of the README.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { accessible, cards, expect, intoResults, search, test } from "./server";

test.use({ suite: "looks" });
test.describe.configure({ mode: "serial" });

/** Most that the page may weigh before pictures, compressed, in bytes. */
const MOST_BYTES = 250_000;
const WIDTHS = [1280, 1920, 390];
const SCREENS = [
  "/",
  "/?q=deep+zoom+-sky",
  "/bins",
  "/library",
  "/people",
  "/redactions",
  "/settings",
  "/shots",
];

/** Footage that anybody may have: drawn by FFmpeg. */
const SCENES: Record<string, [string, string]> = {
  "Deep zoom": [
    "mandelbrot=s=960x540:r=25:start_x=-0.743643887:start_y=0.131825904:end_scale=0.0003",
    "Look at this. It never ends.",
  ],
  Dawn: [
    "gradients=s=960x540:r=25:n=4:c0=0x0b1d3a:c1=0x8f3f5f:c2=0xe88a4a:c3=0xf6d98b:speed=0.02:seed=3",
    "The sun is late again.",
  ],
  "Test card": ["testsrc2=s=960x540:r=25", "Merry Christmas, everybody!"],
  Colonies: [
    "life=s=240x136:r=25:mold=12:ratio=0.2:death_color=0x15304f:life_color=0xf0b35a:seed=7,scale=960:540:flags=neighbor",
    "They are multiplying.",
  ],
  Triangles: ["sierpinski=s=960x540:r=25:type=triangle:seed=2", "Somebody is calling."],
  Bars: ["smptehdbars=s=960x540:r=25", "Stand by."],
};

test.beforeAll(async ({ server }) => {
  mkdirSync(server.footage, { recursive: true });
  for (const [name, [source, line]] of Object.entries(SCENES)) {
    const out = path.join(server.footage, `${name}.mp4`);
    const args = [
      "-nostdin",
      "-v",
      "error",
      "-y",
      "-f",
      "lavfi",
      "-i",
      source,
      "-t",
      "4",
      "-pix_fmt",
      "yuv420p",
      out,
    ];
    execFileSync("ffmpeg", args);
    writeFileSync(out.replace(".mp4", ".srt"), `1\n00:00:00,500 --> 00:00:03,500\n${line}\n`);
  }
  server.rushes("ingest", server.footage);
  await server.start();
});

for (const theme of ["dark", "light"])
  for (const width of WIDTHS)
    test(`every screen is accessible and fits ${width} pixels, ${theme}`, async ({ page, server }) => {
      await page.setViewportSize({ width, height: 844 });
      await page.addInitScript((theme) => localStorage.setItem("rushes-theme", theme), theme);
      for (const screen of SCREENS) {
        let address = server.url + screen;
        if (screen === "/shots") {
          await page.goto(`${server.url}/?q=zoom`);
          address =
            (await cards(page)
              .first()
              .getByRole("link")
              .evaluate((link: HTMLAnchorElement) => link.href)) ?? "";
        }
        await page.goto(address);
        await expect(page.getByRole("heading", { level: 1 })).toBeAttached();
        await page.waitForLoadState("networkidle");
        await accessible(page);
        const [scrolled, seen] = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          innerWidth,
        ]);
        expect(scrolled, `${screen} at ${width}`).toBeLessThanOrEqual(seen ?? 0);
      }
    });

test("reduced motion is honoured", async ({ page, server }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(server.url);
  const quick = await page.evaluate(() =>
    getComputedStyle(document.documentElement).getPropertyValue("--calm"),
  );
  expect(quick.trim()).toMatch(/^0m?s/);
});

test("the page is light", async ({ page, server }) => {
  let bytes = 0;
  const counted: Promise<void>[] = [];
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith("/v1/")) return;
    counted.push(
      response.body().then((body) => {
        bytes += /\.(woff2|svg)$/.test(pathname) ? body.length : gzipSync(body).length;
      }),
    );
  });
  await page.goto(server.url);
  await page.waitForLoadState("networkidle");
  await Promise.all(counted);
  expect(counted.length).toBeGreaterThan(2);
  expect(bytes).toBeLessThan(MOST_BYTES);
});

test("shortcuts are listed, and a dialog gives the focus back", async ({ page, server }) => {
  await page.goto(server.url);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await accessible(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("/");
  await expect(page.getByRole("textbox", { name: "What to look for" })).toBeFocused();
});

test("the pictures of the README", async ({ page, server }) => {
  const folder = process.env.RUSHES_PICTURES ?? path.join(server.folder, "pictures");
  mkdirSync(folder, { recursive: true });
  await page.setViewportSize({ width: 1280, height: 720 });
  const shoot = async (name: string) =>
    page.screenshot({ path: path.join(folder, `${name}.jpg`), type: "jpeg", quality: 82 });
  await page.goto(server.url);
  await expect(page.getByText("6 titles")).toBeVisible();
  await search(page, "merry christmas");
  await expect(cards(page).first()).toContainText("Test card");
  await search(page, "look at the sun^0.8 -calling");
  await expect(cards(page).nth(1)).toBeVisible();
  await intoResults(page);
  await page.keyboard.press("b");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("b");
  await expect(page.getByText("2 picks")).toBeVisible();
  const close = page.getByRole("button", { name: "Close this message" });
  while ((await close.count()) > 0) await close.first().click();
  await cards(page).first().hover();
  await expect(page.locator("video.drawn")).toBeVisible();
  await shoot("search");
  await cards(page).first().getByRole("link").click();
  await expect(page.getByRole("heading", { name: "Similar shots" })).toBeVisible();
  const video = page.getByLabel("The shot", { exact: true });
  await expect.poll(() => video.evaluate((shown: HTMLVideoElement) => shown.readyState)).toBeGreaterThan(2);
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("[data-frame]")).toHaveText("1");
  await shoot("shot");
});
