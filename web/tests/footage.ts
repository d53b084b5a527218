// Videos and pictures made by FFmpeg, so that every frame is known.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Bits of the frame number that is burnt into the top of every frame of `Counter.mp4`. */
export const BITS = 10;
/** Frames of `Counter.mp4`, and of each of its shots. */
export const FRAMES = 144;
export const SHOT = 48;

function ffmpeg(...args: string[]) {
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Three shots at 24000/1001 frames per second. The number of each frame stands in it, as black and white blocks. */
export function counter(folder: string): string {
  const out = path.join(folder, "Counter.mp4");
  if (existsSync(out)) return out;
  mkdirSync(folder, { recursive: true });
  const rate = "24000/1001";
  const scenes = [
    `testsrc2=s=640x360:r=${rate},trim=end_frame=${SHOT}`,
    `mandelbrot=s=640x360:r=${rate},trim=end_frame=${SHOT}`,
    `gradients=s=640x360:r=${rate}:c0=0x205080:c1=0xe0a030:x0=0:y0=0:x1=640:y1=360:seed=5,trim=end_frame=${SHOT}`,
  ];
  const inputs = scenes.flatMap((scene) => ["-f", "lavfi", "-i", scene]);
  const bit = `mod(floor(N/pow(2,floor(X*${BITS}/W))),2)`;
  const burnt = `geq=lum='if(lt(Y,H/6),16+219*${bit},lum(X,Y))':cb='if(lt(Y,H/6/1),128,cb(X,Y))':cr='if(lt(Y,H/6/1),128,cr(X,Y))'`;
  const chain = `[0:v][1:v][2:v]concat=n=3:v=1,setpts=N/(${rate})/TB,format=yuv420p,${burnt}[v]`;
  ffmpeg(
    ...inputs,
    "-filter_complex",
    chain,
    "-map",
    "[v]",
    "-r",
    rate,
    "-c:v",
    "libx264",
    "-crf",
    "16",
    out,
  );
  return out;
}

/** A video with a hostile name and hostile subtitles. */
export function hostile(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const name = `<img src=x onerror="window.hurt=1"> & 'co'`;
  const out = path.join(folder, `${name}.mp4`);
  if (!existsSync(out))
    ffmpeg(
      "-f",
      "lavfi",
      "-i",
      "mandelbrot=s=320x180:r=25:start_x=-0.7",
      "-t",
      "2",
      "-pix_fmt",
      "yuv420p",
      out,
    );
  const line = `<script>window.hurt=2</script> pineapple <b onmouseover="window.hurt=3">bold</b>`;
  writeFileSync(path.join(folder, `${name}.srt`), `1\n00:00:00,200 --> 00:00:01,800\n${line}\n`);
  return out;
}

/** What is no video, though it says so. */
export function broken(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const out = path.join(folder, "Broken.mp4");
  writeFileSync(out, "this is no video");
  return out;
}

/** Real footage from the material, if there is any: the folder that `RUSHES_MATERIAL` names. */
export function material(...parts: string[]): string | null {
  const folder = process.env.RUSHES_MATERIAL;
  const file = folder ? path.join(folder, ...parts) : null;
  if (file && existsSync(file)) return file;
  if (process.env.RUSHES_REQUIRE?.split(",").includes("material"))
    throw new Error(`the material has no ${parts.join("/")}, and RUSHES_REQUIRE asks for it`);
  return null;
}

/** The street with bicycles and the man in his car, with subtitles. */
export function real(folder: string): string[] | null {
  // Shots enough to tell what is likely from what is merely nearest.
  const names = [
    "bikes.mp4",
    "carphone_pristine.mp4",
    "big_buck_bunny_0_30.webm",
    "fades.mp4",
    "chaplin.mp4",
    "fire2.mp4",
  ];
  const files = names.map((name) => material("video", name));
  if (files.some((file) => file === null)) return null;
  mkdirSync(folder, { recursive: true });
  const copies = (files as string[]).map((file) => {
    const copy = path.join(folder, path.basename(file));
    copyFileSync(file, copy);
    return copy;
  });
  const said = "1\n00:00:00,300 --> 00:00:03,600\nI am calling from the car. Merry Christmas, everybody!\n";
  writeFileSync(path.join(folder, "carphone_pristine.srt"), said);
  return copies;
}

/** Shots of each of the clips of `speakers`, and how many people are seen in them: one of them twice. */
export const SPEAKERS = { shots: 11, people: 10 };

/** Speakers as one silent video, a face in every shot; `null` if the material has none. */
export function speakers(folder: string): string | null {
  const clips = material("grid");
  if (!clips) return null;
  mkdirSync(folder, { recursive: true });
  const out = path.join(folder, "Speakers.mp4");
  const names = readdirSync(clips)
    .filter((name) => name.endsWith(".mpg"))
    .sort()
    .slice(0, SPEAKERS.shots);
  const inputs = names.flatMap((name) => ["-i", path.join(clips, name)]);
  const streams = names.map((_, n) => `[${n}:v]`).join("");
  const chain = `${streams}concat=n=${names.length}:v=1:a=0,setsar=1,format=yuv420p[v]`;
  ffmpeg(...inputs, "-filter_complex", chain, "-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", out);
  return out;
}
