// Pictures that a query contains. They stay in this tab: the address of the query names them, and a tab that does not
// have them says so.

/** Longest side in pixels. Encoders look at 224 to 336 pixels. */
const SIDE = 512;
const PREFIX = "rushes-picture-";

/** Keeps a picture, made smaller, and gives its name. */
export async function keepPicture(file: Blob): Promise<string> {
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
  const name = Math.random().toString(36).slice(2, 10);
  sessionStorage.setItem(PREFIX + name, canvas.toDataURL("image/jpeg", 0.9));
  return name;
}

/** The picture as an address for `<img>`; `null` if this tab does not have it. */
export const pictureUrl = (name: string): string | null => sessionStorage.getItem(PREFIX + name);

/** The picture's file in Base64. */
export const pictureBase64 = (name: string): string | null => pictureUrl(name)?.split(",")[1] ?? null;
