// People: off until somebody answers for it, then named, merged, split, hidden and deleted, and found by name.

import type { Page } from "@playwright/test";
import { SPEAKERS, speakers } from "./footage";
import { accessible, cards, expect, search, test, type Server } from "./server";

test.use({ suite: "people" });
test.describe.configure({ mode: "serial" });

const GROUNDS = "the speakers agreed to be recorded";
const WIDTHS = [390, 1280, 1920];

test.beforeAll(async ({ server }) => {
  const film = speakers(server.footage);
  test.skip(
    film === null,
    "people.spec: there are no speakers (grid): RUSHES_MATERIAL names the folder of the material",
  );
  const models = JSON.parse(server.rushes("models", "list", "--json")) as { id: string; status: string }[];
  const isInstalled = models.some((one) => one.id === "faces" && one.status === "installed");
  if (!isInstalled && process.env.RUSHES_REQUIRE?.split(",").includes("models"))
    throw new Error("the model `faces` is missing, and RUSHES_REQUIRE asks for models");
  test.skip(!isInstalled, "people.spec: the model `faces` is missing: rushes models pull faces");
  server.rushes("ingest", server.footage);
  await server.start();
});

const people = (page: Page) => page.locator("[data-person]");
const card = (page: Page, name: string) =>
  people(page).filter({ has: page.getByRole("link", { name: `Shots of ${name}`, exact: true }) });
const nameOf = (page: Page, label: string) => page.getByLabel(`Name of ${label}`, { exact: true });

const offered = (page: Page) => page.getByRole("listbox", { name: "People" });

async function open(page: Page, server: Server) {
  await page.goto(`${server.url}/people`);
  await expect(page.getByRole("list", { name: "Everybody" })).toBeVisible();
}

/** Accessible, and nothing wider than the window, in both themes at each width. */
async function looksGood(page: Page, picture: string) {
  for (const theme of ["dark", "light"])
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate((theme) => (document.documentElement.dataset.theme = theme), theme);
      await accessible(page);
      const [scrolled, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      expect(scrolled, `${picture} at ${width}`).toBeLessThanOrEqual(seen ?? 0);
      if (process.env.RUSHES_LOOKS)
        await page.screenshot({ path: `${process.env.RUSHES_LOOKS}/${picture}-${theme}-${width}.png` });
    }
  await page.setViewportSize({ width: 1280, height: 800 });
}

test("while it is off, the screen says what it is and who answers for it", async ({ page, server }) => {
  await page.goto(`${server.url}/settings`);
  const row = page.getByRole("row").filter({ hasText: "tells faces apart" });
  await expect(row).toContainText("off");
  await row.getByRole("link", { name: "People" }).click();
  await expect(page.getByRole("heading", { name: "The sense of people is off" })).toBeVisible();
  await expect(page.getByText("biometric data")).toBeVisible();
  await expect(people(page)).toHaveCount(0);
  await looksGood(page, "off");
  const button = page.getByRole("button", { name: "Turn the sense of people on" });
  await expect(button).toBeDisabled();
  await page.getByLabel("On what grounds").fill(GROUNDS);
  await expect(button).toBeDisabled();
  await page.getByRole("checkbox").check();
  await expect(button).toBeEnabled();
  // What the server refuses is said where it was asked for, and nothing is turned on.
  await page.route("**/v1/people/consent", (route) =>
    route.fulfill({
      status: 403,
      contentType: "application/problem+json",
      json: {
        code: "missing-scope",
        detail: "the key lacks the scope admin",
        title: "Forbidden",
        status: 403,
      },
    }),
  );
  await button.click();
  await expect(page.getByRole("alert")).toHaveText("the key lacks the scope admin");
  await page.unroute("**/v1/people/consent");
  expect(await (await page.request.get(`${server.url}/v1/people/consent`)).json()).toMatchObject({
    is_on: false,
  });
});

test("turned on, it shows how far it is, and then everybody", async ({ page, server }) => {
  await page.goto(`${server.url}/people`);
  await page.getByLabel("On what grounds").fill(GROUNDS);
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Turn the sense of people on" }).click();
  await expect(page.getByRole("progressbar", { name: "Videos looked through" })).toBeVisible();
  await expect(page.getByText("0 of 1 video looked through")).toBeVisible();
  // The screen follows by itself.
  await expect(page.getByText(`${SPEAKERS.people} people in 1 video`)).toBeVisible({ timeout: 100_000 });
  await expect(people(page)).toHaveCount(SPEAKERS.people);
  await expect(people(page).first()).toContainText("2 shots");
  const width = await people(page)
    .first()
    .locator("img")
    .evaluate((image: HTMLImageElement) => image.naturalWidth);
  expect(width).toBe(150);
  await expect(page.getByText(GROUNDS)).toBeVisible();
  await looksGood(page, "on");
});

test("a name is given in place, and Escape leaves the old one", async ({ page, server }) => {
  await open(page, server);
  const first = (await people(page).first().getByRole("textbox").getAttribute("placeholder")) ?? "";
  await nameOf(page, first).fill("Anna Berg");
  await page.keyboard.press("Enter");
  await expect(card(page, "Anna Berg")).toContainText("2 shots");
  await nameOf(page, "Anna Berg").fill("Somebody");
  await page.keyboard.press("Escape");
  await expect(nameOf(page, "Anna Berg")).toHaveValue("Anna Berg");
  // The keyboard continues from the face.
  await expect(page.getByRole("link", { name: "Shots of Anna Berg" })).toBeFocused();
  // Those with a name come first.
  await page.reload();
  const label = (await people(page).nth(4).getByRole("textbox").getAttribute("placeholder")) ?? "";
  await nameOf(page, label).fill("anna berg");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/"anna berg"/)).toBeVisible();
  await expect(nameOf(page, label)).toHaveValue("");
  await nameOf(page, label).fill("Berta");
  await page.keyboard.press("Enter");
  await expect(people(page).nth(0).getByRole("textbox")).toHaveValue("Anna Berg");
  await expect(people(page).nth(1).getByRole("textbox")).toHaveValue("Berta");
});

test("a face leads to the shots, and the search box offers names", async ({ page, server }) => {
  await open(page, server);
  await page.getByRole("link", { name: "Shots of Anna Berg" }).click();
  await expect(page).toHaveURL((url) => url.searchParams.get("q") === 'person:"Anna Berg"');
  await expect(cards(page)).toHaveCount(2);
  await page.goBack();
  const other = people(page).nth(3);
  const id = await other.getAttribute("data-person");
  await other.getByRole("link").click();
  await expect(page).toHaveURL((url) => url.searchParams.get("q") === `person:${id}`);
  await expect(cards(page)).toHaveCount(1);

  await page.goto(server.url);
  const box = page.locator("#query");
  await box.pressSequentially("len:>1s person:an");
  await expect(offered(page).getByRole("option")).toHaveCount(1);
  await accessible(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(box).toHaveValue('len:>1s person:"Anna Berg" ');
  await expect(offered(page)).toHaveCount(0);
  await expect(cards(page)).toHaveCount(2);
  await box.fill("");
  await box.pressSequentially("person:");
  await expect(offered(page).getByRole("option").first()).toContainText("Anna Berg");
  await offered(page).getByRole("option").nth(1).click();
  await expect(box).toHaveValue("person:Berta ");
  await expect(cards(page)).toHaveCount(1);
  // Escape puts the names away.
  await box.fill("person:");
  await expect(offered(page)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(offered(page)).toHaveCount(0);
  // The filters count people.
  await search(page, "len:>1s");
  const filter = page.getByRole("complementary", { name: "Filters" });
  await filter.getByRole("button", { name: /Anna Berg/ }).click();
  await expect(cards(page)).toHaveCount(2);
});

test("two who are one are merged under the name that is chosen, by keyboard", async ({ page, server }) => {
  await open(page, server);
  await page.getByRole("link", { name: "Shots of Anna Berg" }).focus();
  await page.keyboard.press("x");
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("link", { name: "Shots of Berta" })).toBeFocused();
  await page.keyboard.press("x");
  await expect(page.getByRole("toolbar")).toContainText("2 people selected");
  await accessible(page);
  await page.getByRole("button", { name: "The same person" }).press("Enter");
  const dialog = page.getByRole("dialog", { name: "The same person" });
  await dialog.getByRole("radio", { name: "Berta" }).check();
  await looksGood(page, "merge");
  await dialog.getByRole("button", { name: "Make 2 people one" }).press("Enter");
  await expect(people(page)).toHaveCount(SPEAKERS.people - 1);
  await expect(card(page, "Berta")).toContainText("3 shots");
  await expect(card(page, "Anna Berg")).toHaveCount(0);
  await expect(page.getByRole("toolbar")).toHaveCount(0);
});

test("faces that are somebody else’s are split off", async ({ page, server }) => {
  await open(page, server);
  await page.getByRole("button", { name: "Faces of Berta" }).click();
  const dialog = page.getByRole("dialog", { name: "Faces of Berta" });
  const faces = dialog.getByRole("button", { name: /^Face / });
  await expect(faces).toHaveCount(3);
  for (let n = 0; n < 3; n++) await faces.nth(n).click();
  await expect(dialog.getByRole("button", { name: "Make 3 faces another person" })).toBeDisabled();
  await faces.nth(0).click();
  await faces.nth(1).click();
  await dialog.getByLabel("Name of the other person").fill("Carla");
  await looksGood(page, "faces");
  await dialog.getByRole("button", { name: "Make 1 face another person" }).click();
  await expect(faces).toHaveCount(2);
  await page.keyboard.press("Escape");
  await expect(card(page, "Carla")).toContainText("1 shot");
  await expect(card(page, "Berta")).toContainText("2 shots");
  // What was said stays when all are grouped again.
  await page.getByRole("button", { name: "Group all faces again" }).click();
  await expect(page.getByText("Everybody stays as they are")).toBeVisible();
  await expect(card(page, "Carla")).toContainText("1 shot");
});

test("who is hidden is in no list, and can be had back", async ({ page, server }) => {
  await open(page, server);
  await page.getByRole("button", { name: "Faces of Carla" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Hide" }).click();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Show again" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(card(page, "Carla")).toHaveCount(0);
  await page.getByLabel("Show 1 hidden").check();
  await expect(card(page, "Carla")).toContainText("hidden");
  await accessible(page);
  await page.getByRole("button", { name: "Faces of Carla" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Show again" }).click();
  await page.keyboard.press("Escape");
  await expect(page.getByLabel(/Show \d+ hidden/)).toHaveCount(0);
  await expect(card(page, "Carla")).toHaveCount(1);
});

test("deleting a person says what is removed, and asks first", async ({ page, server }) => {
  await page.clock.install();
  await open(page, server);
  await page.getByRole("button", { name: "Faces of Carla" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("Removes the name Carla with all faces, in 1 shot");
  await dialog.getByRole("button", { name: "Delete" }).click();
  const sure = dialog.getByRole("button", { name: "Really delete Carla?" });
  await expect(sure).toBeVisible();
  expect((await page.request.get(`${server.url}/v1/people/Carla`)).status()).toBe(200);
  await page.clock.fastForward(1000);
  await sure.click();
  await expect(dialog).toHaveCount(0);
  await expect(card(page, "Carla")).toHaveCount(0);
  expect((await page.request.get(`${server.url}/v1/people/Carla`)).status()).toBe(404);
});

test("a key that may only look sees people and changes nobody", async ({ page, server }) => {
  const guest = server.rushes("key", "create", "guest", "--scope", "read").trim();
  await server.stop();
  await server.start(true);
  await page.goto(`${server.url}/people`);
  await page.getByLabel("Key", { exact: true }).fill(guest);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("link", { name: "Shots of Berta" })).toBeVisible();
  await expect(page.getByRole("main").getByRole("textbox")).toHaveCount(0);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await expect(page.getByRole("button", { name: /Turn it off/ })).toHaveCount(0);
  // Grounds are the administrator's business.
  await expect(page.getByText(GROUNDS)).toHaveCount(0);
  await page.getByRole("button", { name: "Faces of Berta" }).click();
  await expect(page.getByRole("dialog").getByRole("img")).toHaveCount(2);
  await expect(page.getByRole("dialog").getByRole("button", { name: "Hide" })).toHaveCount(0);
  await accessible(page);
  await server.stop();
  server.rushes("people", "off");
  await server.start(true);
  await page.reload();
  await expect(page.getByText("Your key may not turn it on")).toBeVisible();
  await expect(page.getByRole("button", { name: /Turn the sense/ })).toHaveCount(0);
  await accessible(page);
  await server.stop();
  await server.start();
});

test("turned off, nobody is left, and an open search continues without people", async ({
  page,
  server,
  context,
}) => {
  await page.clock.install();
  server.rushes("people", "on", "--because", GROUNDS);
  await open(page, server);
  await expect(people(page)).toHaveCount(SPEAKERS.people, { timeout: 100_000 });
  // The face of Carla, who was deleted, is not described again: nobody has a second shot any more.
  await expect(people(page).filter({ hasText: "2 shots" })).toHaveCount(0);
  const other = await context.newPage();
  await other.goto(`${server.url}/?q=len:>1s`);
  await expect(cards(other)).toHaveCount(SPEAKERS.shots);
  await page.getByRole("button", { name: "Turn it off and delete everybody" }).click();
  const sure = page.getByRole("button", { name: /Really delete \d+ people and all faces/ });
  await expect(sure).toBeVisible();
  await page.clock.fastForward(1000);
  await sure.click();
  await expect(page.getByRole("heading", { name: "The sense of people is off" })).toBeVisible();
  await expect(people(page)).toHaveCount(0);
  expect((await page.request.get(`${server.url}/v1/people`)).status()).toBe(409);
  await search(other, "len:>2s");
  await expect(cards(other)).toHaveCount(SPEAKERS.shots);
  await other.close();
});
