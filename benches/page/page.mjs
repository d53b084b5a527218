// The page alone, apart from the server: how soon results are painted after the last key, and whether 10,000 of them
// scroll at the rate of the screen. The server's answers are canned, so its own time is none.
//   node benches/page/page.mjs FOLDER_OF_THE_BUILT_PAGE BROWSER

import { execFileSync } from "node:child_process";
import { readFileSync, mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { chromium } from "../../web/node_modules/@playwright/test/index.mjs";

const [, , dist, browserPath] = process.argv;
const HITS = 10_000;
const PAGE = 100;
const ROUNDS = 30;
const SCROLL_MS = 8000;

const folder = mkdtempSync(path.join(tmpdir(), "rushes-page-bench-"));
const still = path.join(folder, "still.jpg");
execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180", "-frames:v", "1", still]);
const thumbnail = readFileSync(still);

const time = (frame) => ({ frame, ms: frame * 40, smpte: "01:00:00:00" });
const hit = (n, q) => ({
  shot: `01M8F00000000000000000000${String(n % 10)}.${n * 50}-${n * 50 + 50}`,
  title: `Title ${n % 40} of ${q}`,
  asset: { id: "01M8F000000000000000000000", uri: "file:///a.mp4" },
  start: time(n * 50),
  end: time(n * 50 + 50),
  rate: "25/1",
  aspect: [16 / 9, 4 / 3, 2.39, 9 / 16][n % 4],
  score: 1 / (n + 1),
  evidence: { dialogue: { text: `Line ${n} of a long film about many things`, start: time(0), end: time(9), score: 1, rank: n, marks: [{ start: 0, end: 4 }] }, visual: null, meaning: null, label: null },
});
const answer = (from, q) => ({
  hits: Array.from({ length: PAGE }, (_, n) => hit(from + n, q)),
  next: from + PAGE < HITS ? String(from + PAGE) : null,
  weak: false,
  modalities: ["visual", "dialogue", "meaning"],
  coverage: { ready: 40, total: 40, failed: 0, dialogue: { ready: 40, failed: 0 }, meaning: 40 },
  facets: { title: Array.from({ length: 14 }, (_, n) => ({ value: `Title ${n}`, count: 250 })) },
});

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const send = (kind, body) => {
    response.setHeader("content-type", kind);
    response.end(body);
  };
  if (pathname === "/v1/search") {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      const { page, q } = JSON.parse(body);
      send("application/json", JSON.stringify(answer(Number(page ?? 0), q)));
    });
  } else if (pathname.endsWith("/thumbnail.jpg")) send("image/jpeg", thumbnail);
  else if (pathname === "/v1/titles") send("application/json", '{"titles":[]}');
  else if (pathname === "/v1/events") send("text/event-stream", ": \n\n");
  else if (pathname.startsWith("/v1/")) {
    response.statusCode = 404;
    send("application/problem+json", "{}");
  } else {
    const file = pathname.startsWith("/page/") ? pathname : "/index.html";
    send(types[path.extname(file)] ?? "application/octet-stream", readFileSync(path.join(dist, file)));
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
let weight = 0;
page.on("response", async (response) => {
  const { pathname } = new URL(response.url());
  if (pathname.startsWith("/v1/")) return;
  const body = await response.body();
  weight += /\.(woff2|svg)$/.test(pathname) ? body.length : gzipSync(body).length;
});
await page.goto(url);
await page.waitForLoadState("networkidle");
console.log(`weight of the page, compressed: ${(weight / 1000).toFixed(0)} kB`);

// From the last key to the frame in which the results are painted.
await page.evaluate(() => {
  window.painted = [];
  let pressed = 0;
  addEventListener("keydown", () => (pressed = performance.now()), true);
  new MutationObserver(() => {
    // Results of this query, and not those of the one before.
    const title = document.querySelector("[data-shot] .title")?.textContent;
    const query = document.getElementById("query")?.value;
    if (pressed === 0 || !query || !title?.endsWith(` of ${query}`)) return;
    const from = pressed;
    pressed = 0;
    // The frame after the next one has been painted.
    requestAnimationFrame(() => requestAnimationFrame(() => window.painted.push(performance.now() - from)));
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
});
const box = page.getByRole("textbox", { name: "What to look for" });
for (let round = 0; round < ROUNDS; round++) {
  await box.fill("");
  await page.locator("[data-shot]").first().waitFor({ state: "detached" });
  // Another query each time: what was asked last is not asked again.
  await box.press(String.fromCharCode(97 + (round % 26)));
  await page.waitForFunction((n) => window.painted.length > n, round);
}
const painted = (await page.evaluate(() => window.painted)).sort((a, b) => a - b);
const share = (list, at) => list[Math.min(list.length - 1, Math.floor(list.length * at))];
console.log(`first results painted after the last key, of ${ROUNDS}: median ${share(painted, 0.5).toFixed(0)} ms, 95 % within ${share(painted, 0.95).toFixed(0)} ms (60 ms of it are waited for another key)`);

// All results are loaded by scrolling to the end once, then scrolled through again while frames are counted.
await page.evaluate(async (hits) => {
  const grid = () => document.querySelector("[data-hits]");
  while (Number(grid().dataset.hits) < hits) {
    scrollTo(0, document.body.scrollHeight);
    await new Promise((resume) => setTimeout(resume, 20));
  }
  scrollTo(0, 0);
}, HITS);
await page.waitForTimeout(1000);
const scrolled = await page.evaluate(async (during) => {
  const long = [];
  const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration)));
  watch.observe({ entryTypes: ["longtask"] });
  const frames = [];
  const end = document.body.scrollHeight - innerHeight;
  const begun = performance.now();
  let last = begun;
  while (last - begun < during) {
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
    scrollTo(0, (end * (now - begun)) / during / 10);
  }
  watch.disconnect();
  return { frames, long, cards: document.querySelectorAll("[data-shot]").length };
}, SCROLL_MS);
const frames = scrolled.frames.slice(1).sort((a, b) => a - b);
console.log(`scrolling ${HITS} results: ${((1000 * frames.length) / SCROLL_MS).toFixed(0)} frames/s, 95 % of frames within ${share(frames, 0.95).toFixed(1)} ms, longest ${frames.at(-1).toFixed(0)} ms`);
console.log(`tasks over 50 ms: ${scrolled.long.length}${scrolled.long.length > 0 ? `, longest ${Math.max(...scrolled.long).toFixed(0)} ms` : ""}; shots in the document: ${scrolled.cards}`);
await browser.close();
server.close();
