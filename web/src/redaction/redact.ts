// Redactions: pictures and videos go to the server, results and their records come back.

import { answer, client, Failure, fetched, type Schemas } from "../api/client";
import { keepOriginals } from "./originals.svelte";

export type Redaction = Schemas["RedactionView"];
export type RedactedFile = Schemas["FileView"];
export type Settings = Partial<Schemas["RedactionSettings"]>;
export type Box = [x: number, y: number, width: number, height: number];

export interface Region {
  id: number;
  class: string;
  score: number;
  source: string;
  /** Left, top, width and height in pixels of the upright picture. */
  box: Box;
  blurred: boolean;
}

/** The part of a record that is shown. The whole of it is what people download. */
export interface RedactionRecord {
  picture: { width: number; height: number; camera: { model: string } };
  detectors: { model: string; thresholds: Record<string, number> }[];
  regions: Region[];
  warnings?: string[];
}

/** What a person changed: boxes to blur as well, and detections to leave alone. */
export interface Corrections {
  add: { class: string; box: Box }[];
  remove: { box: Box }[];
}

/** Sends files, and reports the share that has been sent. */
export function send(
  files: readonly File[],
  settings: Settings,
  onprogress: (share: number) => void,
): Promise<Redaction> {
  const form = new FormData();
  form.append("settings", JSON.stringify(settings));
  for (const file of files) form.append("file", file, file.name);
  // `fetch` does not report how much of a body has been sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => onprogress(event.total > 0 ? event.loaded / event.total : 0);
    request.onerror = () =>
      reject(new Failure("no-connection", "The line broke. Nothing was kept; send the files again.", 0));
    request.onload = () => {
      if (request.status !== 202) {
        const problem = parse(request.responseText);
        return reject(
          new Failure(
            problem?.code ?? "no-answer",
            problem?.detail ?? `The server answered ${request.status}.`,
            request.status,
          ),
        );
      }
      const made = JSON.parse(request.responseText) as Redaction;
      keepOriginals(made.id, files);
      resolve(made);
    };
    request.open("POST", "/v1/redactions");
    request.send(form);
  });
}

function parse(text: string): Schemas["Problem"] | null {
  try {
    return JSON.parse(text) as Schemas["Problem"];
  } catch {
    return null;
  }
}

/** All files of a redaction. */
export async function files(id: string): Promise<RedactedFile[]> {
  const found: RedactedFile[] = [];
  let page: string | undefined;
  do {
    const params = { path: { id }, query: { limit: 200, ...(page ? { page } : {}) } };
    const answered = await answer(client.GET("/v1/redactions/{id}/files", { params }));
    found.push(...answered.files);
    page = answered.next ?? undefined;
  } while (page);
  return found;
}

export async function record(link: string): Promise<RedactionRecord> {
  return (await (await fetched(fetch(link))).json()) as RedactionRecord;
}

/** Redacts one picture again, with what a person changed. */
export async function correct(
  picture: File,
  settings: Settings,
  corrections: Corrections,
): Promise<{ picture: Blob; record: RedactionRecord }> {
  const form = new FormData();
  form.append("settings", JSON.stringify({ ...settings, corrections }));
  form.append("picture", picture, picture.name);
  const response = await fetched(fetch("/v1/redact", { method: "POST", body: form }));
  const parts = await response.formData();
  const made = parts.get("picture");
  const text = parts.get("record");
  if (!(made instanceof File) || text === null)
    throw new Failure("no-answer", "The answer has no picture.", 200);
  const json = typeof text === "string" ? text : await text.text();
  return { picture: made, record: JSON.parse(json) as RedactionRecord };
}

/** How sure the least sure region is: its score above what counts, in shares of that. Lower is more doubtful. */
export function doubt(record: RedactionRecord): number {
  const threshold = (region: Region) =>
    Math.max(0.01, ...record.detectors.map((detector) => detector.thresholds[region.class] ?? 0));
  const sure = record.regions
    .filter((region) => region.blurred)
    .map((region) => region.score / threshold(region));
  return sure.length > 0 ? Math.min(...sure) : Infinity;
}

/** Below this, a picture is worth a look. */
export const DOUBTFUL = 1.5;

export const isPicture = (file: RedactedFile) => Boolean(file.links.picture);
