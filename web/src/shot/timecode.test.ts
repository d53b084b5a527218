import { describe, expect, it } from "vitest";
import { rate, timecode } from "./timecode";

describe("timecode", () => {
  it.each([
    ["00:00:07:05", 20, 25, "00:00:08:00"],
    ["18:45:23:23", 1, 24000 / 1001, "18:45:24:00"],
    ["23:59:59:24", 1, 25, "00:00:00:00"],
    ["00:00:59;29", 1, 30000 / 1001, "00:01:00;02"],
    ["00:09:59;29", 1, 30000 / 1001, "00:10:00;00"],
    ["00:00:59;59", 1, 60000 / 1001, "00:01:00;04"],
    ["01:00:00;00", 107892, 30000 / 1001, "02:00:00;00"],
    ["23:59:59;29", 1, 30000 / 1001, "00:00:00;00"],
    ["00:00:01:00", -5, 25, "00:00:00:20"],
  ])("%s + %i at %f is %s", (start, frames, fps, wanted) =>
    expect(timecode(start, frames, fps)).toBe(wanted),
  );

  it("gives every frame of a drop-frame day another name", () => {
    const names = new Set<string>();
    const frames = 2 * 107892;
    for (let frame = 0; frame < frames; frame++) names.add(timecode("00:00:00;00", frame, 30000 / 1001));
    expect(names.size).toBe(frames);
  });

  it("reads rates", () => expect(rate("24000/1001")).toBeCloseTo(23.976, 3));
});
