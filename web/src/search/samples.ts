// Pictures and clips that a query contains. They stay in this tab: the address of the query names them, and a tab that
// does not have them says so.

import type { Schemas } from "../api/client";

export interface Sample {
  kind: "picture" | "clip";
  /** For `<img>` or `<video>`. */
  url: string;
}

/** Longest side of a picture in pixels. Encoders look at 224 to 336 pixels. */
const SIDE = 512;
/** Largest clip that the server takes, in bytes. */
const MOST_CLIP = 16_000_000;
const PREFIX = "rushes-picture-";
const ORDER = "rushes-pictures";
/** Most that are kept; the oldest go first. */
const MOST = { clips: 4, pictures: 20 };

/** Clips are too large for the storage of the tab, so they last until it is loaded again. */
const clips = new Map<string, { base64: string; url: string }>();

/** Keeps a picture, made smaller, or a clip, and gives its name. */
export async function keepSample(file: File): Promise<string> {
  const name = Math.random().toString(36).slice(2, 10);
  if (file.type.startsWith("video/") || /\.(mxf|mkv|mov)$/i.test(file.name)) {
    if (file.size > MOST_CLIP)
      throw new Error(
        `${file.name} is larger than 16 MB. Cut out what you look for, or add the video to the library.`,
      );
    clips.set(name, { base64: await base64(file), url: URL.createObjectURL(file) });
    for (const [old, clip] of [...clips].slice(0, -MOST.clips)) {
      URL.revokeObjectURL(clip.url);
      clips.delete(old);
    }
    return name;
  }
  const picture = await smaller(file);
  const kept = JSON.parse(sessionStorage.getItem(ORDER) ?? "[]") as string[];
  for (const old of kept.splice(0, Math.max(0, kept.length + 1 - MOST.pictures)))
    sessionStorage.removeItem(PREFIX + old);
  sessionStorage.setItem(PREFIX + name, picture);
  sessionStorage.setItem(ORDER, JSON.stringify([...kept, name]));
  return name;
}

/** What stands for a sample on the page; `null` if this tab does not have it. */
export function sample(name: string): Sample | null {
  const clip = clips.get(name);
  if (clip) return { kind: "clip", url: clip.url };
  const url = sessionStorage.getItem(PREFIX + name);
  return url === null ? null : { kind: "picture", url };
}

/** A sample as a part of a query. */
export function samplePart(name: string): Schemas["PartBody"] | null {
  const clip = clips.get(name);
  if (clip) return { clip: clip.base64 };
  const picture = sessionStorage.getItem(PREFIX + name)?.split(",")[1];
  return picture === undefined ? null : { picture };
}

async function smaller(file: File): Promise<string> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that the browser can read. JPEG, PNG and WebP are.");
  }
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.9);
}

function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
