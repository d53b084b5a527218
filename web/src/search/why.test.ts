import { describe, expect, it } from "vitest";
import type { Schemas } from "../api/client";
import { percent } from "../parts/time";
import { marked, sounding } from "./why";

describe("marked", () => {
  it("cuts a line at its marks", () => {
    expect(
      marked("Merry Christmas, all", [
        { start: 0, end: 5 },
        { start: 6, end: 15 },
      ]),
    ).toEqual([
      { text: "Merry", marked: true },
      { text: " ", marked: false },
      { text: "Christmas", marked: true },
      { text: ", all", marked: false },
    ]);
  });

  it("counts characters and not units", () => {
    expect(marked("🎬 日本 go", [{ start: 5, end: 7 }])).toEqual([
      { text: "🎬 日本 ", marked: false },
      { text: "go", marked: true },
    ]);
  });

  it("keeps the whole text without marks, and whatever the marks are", () => {
    expect(marked("text", [])).toEqual([{ text: "text", marked: false }]);
    expect(marked("", [{ start: 0, end: 9 }])).toEqual([]);
    const pieces = marked("abc", [
      { start: 1, end: 99 },
      { start: 0, end: 2 },
    ]);
    expect(pieces.map((piece) => piece.text).join("")).toBe("abc");
  });
});

describe("sounding", () => {
  const at = { frame: 307, ms: 12_300, smpte: "00:00:12:07" } as Schemas["Time"];
  const heard = { word: "x", rank: 1, name: null, at: null };

  it("names what a tagger has heard, and when", () => {
    const sound = { ...heard, kind: "named", name: "Applause", strength: 0.87, at } as const;
    expect(sounding(sound)).toBe(`Applause at 00:00:12:07, ${percent(0.87)}`);
  });

  it("says what was measured", () => {
    expect(sounding({ ...heard, kind: "bang", strength: 24, at })).toBe("bang at 00:00:12:07");
    expect(sounding({ ...heard, kind: "loud", strength: -12.4 })).toBe("loud, -12 LUFS");
    expect(sounding({ ...heard, kind: "music", strength: 0.8 })).toBe(`music ${percent(0.8)}`);
  });
});
