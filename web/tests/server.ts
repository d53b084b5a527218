// A real `rushes serve` with a catalogue of its own, and what tests of the page share.

import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type BrowserContext, type Page } from "@playwright/test";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const BINARY =
  process.env.RUSHES_BINARY ?? path.join(process.env.HOME ?? "", ".cache/rushes/target/debug/rushes");

export class Server {
  readonly folder = mkdtempSync(path.join(tmpdir(), "rushes-page-"));
  readonly footage = path.join(this.folder, "footage");
  url = "";
  #child: ChildProcess | null = null;
  #log = "";

  rushes(...args: string[]): string {
    return execFileSync(BINARY, args, { env: this.#environment(), encoding: "utf8" });
  }

  /** Starts it on a free port, or again on the port that it had; `forAll` serves other machines, which need a key. */
  async start(forAll = false) {
    const port = this.url ? new URL(this.url).port : "0";
    const host = forAll ? ["--listen", `0.0.0.0:${port}`, "--insecure"] : ["--listen", `127.0.0.1:${port}`];
    const options = ["serve", ...host, "--media-root", this.folder];
    const child = spawn(BINARY, options, { env: this.#environment(), stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.url = await new Promise((resolve, reject) => {
      const read = (data: Buffer) => {
        this.#log += data.toString();
        const address = /serving on (https?:\/\/[^/\s]+)/.exec(this.#log.slice(from));
        if (address?.[1]) resolve(address[1].replace("0.0.0.0", "127.0.0.1"));
      };
      const from = this.#log.length;
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("exit", (code) => reject(new Error(`serve ended with ${code}:\n${this.#log}`)));
    });
  }

  async stop() {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
  }

  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, RUSHES_DATA: path.join(this.folder, "data"), RUST_LOG: "warn" };
  }
}

/** A page that fails its test on any script error, refused content, or request to another server. */
export const test = base.extend<{ page: Page }, { suite: string; server: Server }>({
  // Each file names another suite, so that each has a server of its own.
  suite: ["", { option: true, scope: "worker" }],
  server: [
    async ({ suite: _ }, use) => {
      const server = new Server();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  context: async ({ context, server }, use) => {
    if (process.env.RUSHES_PAGE_FROM_DISK) await serveFromDisk(context, () => server.url);
    await use(context);
  },
  page: async ({ page, server }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (/Content Security Policy|Refused to/.test(text)) wrong.push(text);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (["http:", "https:", "ws:", "wss:"].includes(url.protocol) && url.origin !== server.url)
        wrong.push(`foreign request: ${url}`);
    });
    await use(page);
    expect(wrong).toEqual([]);
    expect(await page.evaluate(() => (window as { hurt?: number }).hurt)).toBeUndefined();
  },
});

/** Answers with the files of `web/dist` under the server's own headers, so that trying a change needs no new binary. */
async function serveFromDisk(context: BrowserContext, url: () => string) {
  const dist = path.join(import.meta.dirname, "../dist");
  await context.route(
    (address) => address.origin === url() && !/^\/(v1|docs|openapi)/.test(address.pathname),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const asset = pathname.startsWith("/page/");
      const { "content-length": _, ...headers } = asset ? {} : (await route.fetch()).headers();
      await route.fulfill({ headers, path: path.join(dist, asset ? pathname : "index.html") });
    },
  );
}

export { expect };

/** Fails on anything that axe-core finds against WCAG 2.2 AA. */
export async function accessible(page: Page) {
  const found = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const told = found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`,
  );
  expect(told).toEqual([]);
}

/** A shot in the results. */
export const cards = (page: Page) => page.locator("[data-shot]");

/** Types a query and waits for its answer. */
export async function search(page: Page, query: string) {
  await page.getByRole("textbox", { name: "What to look for" }).fill(query);
  await expect(page).toHaveURL((url) => (url.searchParams.get("q") ?? "") === query);
  await expect(page.locator("[aria-label=Results]")).toHaveAttribute("aria-busy", "false");
}

/** Goes from the box to the results by keyboard. */
export async function intoResults(page: Page) {
  await page.keyboard.press("Enter");
  await expect(cards(page).first().getByRole("link")).toBeFocused();
}

/** The frame number that is burnt into what a `<video>` shows now. */
export async function burnt(page: Page, bits: number): Promise<number> {
  return page
    .locator("video")
    .first()
    .evaluate((element, bits) => {
      const video = element as HTMLVideoElement;
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      const context = canvas.getContext("2d");
      if (!context) throw new Error("no canvas");
      context.drawImage(video, 0, 0);
      let number = 0;
      for (let bit = 0; bit < bits; bit++) {
        const x = Math.floor(((bit + 0.5) / bits) * canvas.width);
        const [red = 0] = context.getImageData(x, Math.floor(canvas.height / 14), 1, 1).data;
        if (red > 128) number |= 1 << bit;
      }
      return number;
    }, bits);
}
