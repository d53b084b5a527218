// The search over real footage.

import { execFileSync } from "node:child_process";
import path from "node:path";
import { counter, hostile, real } from "./footage";
import { accessible, cards, expect, intoResults, search, test } from "./server";

test.use({ suite: "search" });
test.describe.configure({ mode: "serial" });

let clips: string[] = [];
test.beforeAll(async ({ server }) => {
  const found = real(server.footage);
  test.skip(found === null, "there is no real footage: RUSHES_MATERIAL names its folder");
  clips = found ?? [];
  hostile(server.footage);
  counter(server.footage);
  server.rushes("ingest", server.footage);
  await server.start();
});

const box = "What to look for";

test("what is said is found, with its words marked", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "merry christmas");
  const first = cards(page).first();
  await expect(first).toContainText("carphone_pristine");
  await expect(first.locator("mark").first()).toHaveText("Merry");
  await expect(first.locator("mark").nth(1)).toHaveText("Christmas");
});

test("what is seen is found, and says how likely it is", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a bicycle wheel");
  await expect(cards(page).first()).toContainText("bikes");
  await expect(cards(page).first()).toContainText(/seen \d+ %/);
});

test("every query has an address: back, forward, reload and sharing work", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a bicycle wheel");
  const shot = await cards(page).first().getAttribute("data-shot");
  await cards(page).first().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1, name: "bikes" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("a bicycle wheel");
  await expect(cards(page).first()).toHaveAttribute("data-shot", shot ?? "");
  await page.goForward();
  await expect(page.getByRole("heading", { level: 1, name: "bikes" })).toBeVisible();
  await page.goBack();
  await page.reload();
  await expect(cards(page).first()).toHaveAttribute("data-shot", shot ?? "");
});

test("parts of a query are chips that can be changed by hand", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "bicycle -car");
  const parts = page.getByRole("list", { name: "Parts of the search" });
  await expect(parts.getByRole("listitem")).toHaveCount(2);
  await parts.getByRole("slider", { name: "Weight of bicycle" }).press("ArrowRight");
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("bicycle^1.1 -car");
  const weight = parts.getByRole("slider", { name: "Weight of bicycle" });
  const place = await weight.boundingBox();
  if (!place) throw new Error("the weight has no place");
  await page.mouse.move(place.x + 4, place.y + 4);
  await page.mouse.down();
  await page.mouse.move(place.x + 58, place.y + 4, { steps: 4 });
  await page.mouse.up();
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("bicycle^2 -car");
  // Enter goes to the results, and changes nothing.
  await page.getByRole("textbox", { name: box }).press("Enter");
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("bicycle^2 -car");
  await parts.getByRole("button", { name: /Not wanted: car/ }).click();
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("bicycle^2 car");
  await parts.getByRole("button", { name: "Remove car" }).click();
  await expect(page.getByRole("textbox", { name: box })).toHaveValue("bicycle^2");
  await accessible(page);
});

test("a filter narrows the results, and another press takes it away", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a street");
  await expect(cards(page).first()).toBeVisible();
  const before = await cards(page).count();
  const filters = page.getByRole("complementary", { name: "Filters" });
  const title = filters.getByRole("button", { name: /^bikes/ });
  await title.click();
  await expect(title).toHaveAttribute("aria-pressed", "true");
  await expect(page).toHaveURL(/title%3Abikes|title:bikes/);
  await expect
    .poll(async () => new Set(await cards(page).locator(".title").allTextContents()))
    .toEqual(new Set(["bikes"]));
  await title.click();
  await expect(cards(page)).toHaveCount(before);
});

test("a mistake in a query is shown where it is", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "car tilte:Street");
  await expect(page.getByRole("alert")).toContainText("did you mean `title`");
  await expect(page.getByRole("alert")).toContainText("^");
  await accessible(page);
  // A quotation that is not closed yet is no mistake while somebody types.
  await page.getByRole("textbox", { name: box }).fill('"merry chr');
  await expect(page.getByRole("alert")).toHaveCount(0);
  await page.getByRole("textbox", { name: box }).fill('"merry christmas"');
  await page.getByRole("textbox", { name: box }).press("ArrowDown");
  await expect(cards(page).first().getByRole("link")).toBeFocused();
});

test("nothing found says why, and what to try", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "bicycle tag:nowhere");
  await expect(page.getByRole("heading", { name: "No shot found" })).toBeVisible();
  await accessible(page);
  await page.getByRole("button", { name: "Search without filters" }).click();
  await expect(cards(page).first()).toBeVisible();
});

test("less likely shots can be asked for", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, 'seen:"a bicycle wheel"');
  await expect(cards(page).first()).toBeVisible();
  const likely = await cards(page).count();
  await page.getByRole("button", { name: "Show shots that are less likely" }).click();
  await expect.poll(() => cards(page).count()).toBeGreaterThan(likely);
  await expect(page.getByRole("button", { name: "Show shots that are less likely" })).toHaveCount(0);
});

test("what is probably not there is said to be so", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "seen:trombone");
  await expect(
    page.getByText("Probably not in your footage.").or(page.getByText("No shot found")),
  ).toBeVisible();
});

test("more and less like a shot begin from it", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a bicycle wheel");
  const shot = await cards(page).first().getAttribute("data-shot");
  await intoResults(page);
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "More like these" }).click();
  await expect(page.getByRole("textbox", { name: box })).toHaveValue(`like:${shot}`);
  await expect(cards(page).first()).toBeVisible();
  await search(page, "a street");
  await intoResults(page);
  const other = await cards(page).first().getAttribute("data-shot");
  await page.keyboard.press("n");
  await expect(page.getByRole("textbox", { name: box })).toHaveValue(`a street -like:${other}`);
});

test("a picture that is dropped finds what looks like it", async ({ page, server }) => {
  const still = path.join(server.folder, "still.jpg");
  const bikes = clips.find((clip) => clip.endsWith("bikes.mp4")) ?? "";
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", "-ss", "1", "-i", bikes, "-frames:v", "1", still]);
  await page.goto(server.url);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Search by a picture or a clip" }).click();
  await (await chooser).setFiles(still);
  await expect(page.getByText("like this picture")).toBeVisible();
  await expect(cards(page).first()).toContainText("bikes");
  await page.reload();
  await expect(cards(page).first()).toContainText("bikes");
  // Words and a picture make one query.
  await search(page, "-street");
  await expect(cards(page).first()).toBeVisible();
  // The picture stays in its tab; another tab says so.
  const other = await page.context().newPage();
  await other.goto(page.url());
  await expect(other.getByRole("alert")).toContainText("Drop it again");
});

test("a clip that is dropped finds its shots, and one that is too large is refused", async ({
  page,
  server,
}) => {
  const clip = path.join(server.folder, "wanted.mp4");
  const bikes = clips.find((clip) => clip.endsWith("bikes.mp4")) ?? "";
  const cut = ["-ss", "0.1", "-t", "0.9", "-i", bikes, "-an", "-c:v", "libx264", clip];
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...cut]);
  await page.goto(server.url);
  const button = page.getByRole("button", { name: "Search by a picture or a clip" });
  let chooser = page.waitForEvent("filechooser");
  await button.click();
  await (await chooser).setFiles(clip);
  await expect(page.getByText("like this clip")).toBeVisible();
  await expect(cards(page).first()).toContainText("bikes");
  chooser = page.waitForEvent("filechooser");
  await button.click();
  await (
    await chooser
  ).setFiles({ name: "long.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(17_000_000) });
  await expect(page.getByText("long.mp4 is larger than 16 MB")).toBeVisible();
});

test("what is no picture is refused in words", async ({ page, server }) => {
  await page.goto(server.url);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Search by a picture or a clip" }).click();
  await (
    await chooser
  ).setFiles({ name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") });
  await expect(page.getByText("This file is no picture that the browser can read")).toBeVisible();
});

test("groups and near-duplicates are one hit with a count, which opens", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "a street");
  await page.getByLabel("Group").selectOption("titles");
  await expect(page).toHaveURL(/group/);
  const group = page.getByRole("button", { name: /Show \d+ more/ }).first();
  await expect(group).toBeVisible();
  await group.click();
  await expect(page).not.toHaveURL(/group/);
  await expect(page).toHaveURL(/title/);
  // The same by keys.
  await page.goBack();
  await expect(page).toHaveURL(/group/);
  await expect(group).toBeVisible();
  await cards(page).filter({ has: group }).first().getByRole("link").focus();
  await page.keyboard.press("e");
  await expect(page).not.toHaveURL(/group/);
});

test("script in a name and in a line of dialogue is text", async ({ page, server }) => {
  await page.goto(server.url);
  await search(page, "pineapple");
  await expect(cards(page).first()).toContainText("<script>");
  await expect(cards(page).first()).toContainText("<img src=x");
  await cards(page).first().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("<img src=x");
  await page.getByLabel("Note").fill("<img src=x onerror='window.hurt=4'>");
  await page.getByLabel("New tag").fill("<b>tag</b>");
  await page.getByLabel("New tag").press("Enter");
  await page.reload();
  await expect(page.getByLabel("Note")).toHaveValue(/onerror/);
  await expect(page.getByRole("link", { name: "<b>tag</b>" })).toBeVisible();
  await page.goto(`${server.url}/library`);
  await expect(page.getByText("<img src=x").first()).toBeVisible();
});
