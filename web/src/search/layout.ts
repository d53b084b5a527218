// Justified rows: pictures of any shape side by side, each row as wide as the grid and about as high as wanted.

export interface Cell {
  index: number;
  width: number;
}

export interface Row {
  cells: Cell[];
  height: number;
}

/** Rows for pictures with these ratios of width to height. The last row is not stretched. */
export function rows(ratios: readonly number[], width: number, height: number, gap: number): Row[] {
  if (width <= 0) return [];
  const made: Row[] = [];
  let first = 0;
  let sum = 0;
  for (let index = 0; index < ratios.length; index++) {
    sum += shape(ratios[index]);
    const gaps = gap * (index - first);
    if (sum * height + gaps < width) continue;
    // The row is full. It is kept without its last picture if that comes closer to the wanted height.
    const fits = (width - gaps) / sum;
    const without = sum - shape(ratios[index]);
    const looser = without > 0 ? (width - gaps + gap) / without : Infinity;
    if (index > first && Math.abs(looser - height) < Math.abs(fits - height)) {
      made.push(row(ratios, first, index, looser));
      first = index;
      sum = shape(ratios[index]);
    } else {
      made.push(row(ratios, first, index + 1, fits));
      first = index + 1;
      sum = 0;
    }
  }
  if (first < ratios.length) {
    const fits = (width - gap * (ratios.length - first - 1)) / sum;
    made.push(row(ratios, first, ratios.length, Math.min(height, fits)));
  }
  return made;
}

function row(ratios: readonly number[], from: number, to: number, height: number): Row {
  const cells = [];
  for (let index = from; index < to; index++) cells.push({ index, width: shape(ratios[index]) * height });
  return { cells, height };
}

/** Very wide and very high pictures are cropped, or one of them would be a row or a hair. */
const shape = (ratio: number | undefined) => Math.min(3, Math.max(0.5, ratio ?? 16 / 9));
