import { describe, expect, it } from "vitest";
import { marked } from "./why";

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
