import { describe, expect, it } from "vitest";
import { option, personBefore, quoted, terms, withOption, write } from "./terms";

describe("terms", () => {
  it("reads each kind of term", () => {
    const found = terms(
      'car exploding -night title:"Big Buck Bunny" "merry christmas" in:dialogue^2 len:<4s',
    );
    expect(found.map((term) => [term.kind, term.text, term.negative])).toEqual([
      ["words", "car exploding", false],
      ["words", "night", true],
      ["filter", 'title:"Big Buck Bunny"', false],
      ["phrase", '"merry christmas"', false],
      ["option", "in:dialogue^2", false],
      ["filter", "len:<4s", false],
    ]);
    expect(found[2]?.value).toBe("Big Buck Bunny");
  });

  it("keeps weights and brackets", () => {
    const [group, sign] = terms("(night street)^0.5 -fog^0.8");
    expect(group).toMatchObject({ kind: "group", value: "night street", weight: 0.5 });
    expect(sign).toMatchObject({ text: "fog", negative: true, weight: 0.8 });
  });

  it.each([
    'car exploding -night title:"Big Buck Bunny" "merry christmas" in:dialogue,visual^2 len:<4s',
    "(night street)^0.5 like:01KAX7.30-76 -seen:car",
    'said:"go \\"now\\""',
    "12\\:30 a\\ b",
  ])("writes %s as it was", (text) => expect(write(terms(text))).toBe(text));

  it("puts several words in brackets once they have a sign", () => {
    const [words] = terms("night street");
    expect(write([{ ...words!, negative: true }])).toBe("-(night street)");
    expect(write([{ ...words!, weight: 0.5 }])).toBe("(night street)^0.5");
  });

  it("does not end on what is not closed yet", () => {
    for (const text of ['"merry', "(night", "a\\", "title:", "-", '"', "^", "café 🎬 日本"])
      expect(write(terms(text))).toBe(text);
  });

  it("sets and removes options", () => {
    expect(withOption("car sort:time", "sort", "date")).toBe("car sort:date");
    expect(withOption("car sort:time", "sort", null)).toBe("car");
    expect(option("car group:title", "group")).toBe("title");
  });

  it.each([
    ["person:", "", 7],
    ["night person:An", "An", 13],
    ['-person:"Anna B', "Anna B", 8],
    ['people:Anna,"Be', "Be", 12],
    ['person:"Anna B",Ca', "Ca", 16],
  ])("finds the name that is being written in %s", (text, name, begins) =>
    expect(personBefore(text, text.length)).toEqual({ begins, name }),
  );

  it.each(["person", "aperson:A", 'person:"Anna" ', "title:An", 'person:"Anna"'])(
    "finds no name being written in %s",
    (text) => expect(personBefore(text, text.length)).toBeNull(),
  );

  it("quotes what needs it", () => {
    expect(quoted("Meadow")).toBe("Meadow");
    expect(quoted('the "x" \\ y')).toBe('"the \\"x\\" \\\\ y"');
  });
});
