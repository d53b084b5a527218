// Files as they were dropped, and pictures as they were corrected, while this tab lives. The server keeps no originals.

import { SvelteMap } from "svelte/reactivity";
import type { RedactionRecord } from "./redact";

export interface Corrected {
  picture: Blob;
  url: string;
  record: RedactionRecord;
}

const originals = new Map<string, File>();
const corrections = new SvelteMap<string, Corrected>();

/** The server renames files of the same name, so they are known by their place. */
const key = (redaction: string, n: number) => `${redaction}/${n}`;

export function keepOriginals(redaction: string, files: readonly File[]) {
  files.forEach((file, n) => originals.set(key(redaction, n), file));
}

export const original = (redaction: string, n: number): File | undefined => originals.get(key(redaction, n));

export const corrected = (redaction: string, n: number): Corrected | undefined =>
  corrections.get(key(redaction, n));

export function keepCorrected(
  redaction: string,
  n: number,
  made: { picture: Blob; record: RedactionRecord } | null,
) {
  const before = corrected(redaction, n);
  if (before) URL.revokeObjectURL(before.url);
  if (made) corrections.set(key(redaction, n), { ...made, url: URL.createObjectURL(made.picture) });
  else corrections.delete(key(redaction, n));
}

/** Whether leaving the page would lose something. */
export const hasCorrections = () => corrections.size > 0;
