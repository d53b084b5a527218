import { describe, expect, it } from "vitest";
import { rows } from "./layout";

const width = (row: { cells: { width: number }[] }, gap: number) =>
  row.cells.reduce((sum, cell) => sum + cell.width, 0) + gap * (row.cells.length - 1);

describe("rows", () => {
  it("fills every row but the last, and keeps the order", () => {
    const ratios = Array.from({ length: 97 }, (_, n) => [16 / 9, 4 / 3, 9 / 16, 2.39][n % 4]!);
    const made = rows(ratios, 1200, 170, 8);
    expect(made.flatMap((row) => row.cells.map((cell) => cell.index))).toEqual(ratios.map((_, n) => n));
    for (const row of made.slice(0, -1)) {
      expect(width(row, 8)).toBeCloseTo(1200, 3);
      expect(row.height).toBeGreaterThan(110);
      expect(row.height).toBeLessThan(260);
    }
    expect(width(made.at(-1)!, 8)).toBeLessThanOrEqual(1200.001);
  });

  it("does not blow up a single picture", () => {
    expect(rows([16 / 9], 1200, 170, 8)).toEqual([
      { cells: [{ index: 0, width: (16 / 9) * 170 }], height: 170 },
    ]);
  });

  it("fits a picture that is wider than the grid", () => {
    const [row] = rows([16 / 9, 16 / 9], 200, 170, 8);
    expect(row!.cells).toHaveLength(1);
    expect(width(row!, 8)).toBeCloseTo(200, 3);
  });

  it("has no rows without width", () => expect(rows([1], 0, 170, 8)).toEqual([]));
});
