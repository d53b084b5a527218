// Times, sizes, shares and places as people read them.

/** A duration: `4.2 s`, `1:07`, `1:02:09`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  const hours = Math.floor(seconds / 3600);
  const text = parts.map((part) => String(part).padStart(2, "0"));
  return hours > 0 ? `${hours}:${text.join(":")}` : `${parts[0]}:${text[1]}`;
}

/** A size: `1.5 GB`. */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** The place of a file as people read it. Only `file:` addresses are percent-encoded. */
export function place(uri: string): string {
  if (!uri.startsWith("file:")) return uri;
  try {
    return decodeURIComponent(uri.slice("file://".length));
  } catch {
    return uri;
  }
}

/** The name of a file. */
export const fileName = (uri: string) => place(uri).split("/").at(-1) ?? uri;

export const percent = (share: number) => `${Math.round(share * 100)} %`;

export const count = (n: number, one: string, many = `${one}s`) =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const when = (ms: number) =>
  new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(ms);
