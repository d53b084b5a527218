// Uploads that survive broken lines, restarts of the server and of the browser (tus 1.0).

import { Upload } from "tus-js-client";
import { Failure } from "../api/client";
import { toasts } from "../parts/toasts.svelte";

export interface Running {
  id: number;
  name: string;
  size: number;
  sent: number;
  state: "waiting" | "sending" | "paused" | "failed" | "done";
  reason: string | null;
  upload: Upload;
}

/** Uploads at the same time; more would only make all of them late. */
const AT_ONCE = 2;
/** Milliseconds before each new attempt. After the last one a person decides. */
const RETRY_MS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000];

class Uploads {
  list = $state<Running[]>([]);
  #last = 0;

  add(files: Iterable<File>, title: string | null) {
    for (const file of files) {
      const id = ++this.#last;
      const upload = this.#prepare(id, file, title);
      this.list.push({
        id,
        name: file.name,
        size: file.size,
        sent: 0,
        state: "waiting",
        reason: null,
        upload,
      });
    }
    this.#next();
  }

  /** Continues a paused or failed upload where it stopped. */
  resume(id: number) {
    this.#set(id, { state: "sending", reason: null });
    void this.#start(id);
  }

  async pause(id: number) {
    await this.#find(id)?.upload.abort();
    this.#set(id, { state: "paused" });
    this.#next();
  }

  /** Whether leaving the page would stop an upload. */
  get isSending() {
    return this.list.some((one) => one.state === "sending" || one.state === "waiting");
  }

  /** Stops it, and lets the server forget what it received. */
  async cancel(id: number) {
    const entry = this.#find(id);
    this.list = this.list.filter((one) => one.id !== id);
    await entry?.upload.abort(true).catch(() => {});
    this.#next();
  }

  #prepare(id: number, file: File, title: string | null): Upload {
    return new Upload(file, {
      endpoint: "/v1/uploads",
      retryDelays: RETRY_MS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, ...(title ? { title } : {}) },
      onProgress: (sent) => this.#set(id, { sent }),
      onSuccess: () => {
        this.#set(id, { state: "done", sent: file.size });
        setTimeout(() => (this.list = this.list.filter((one) => one.id !== id)), 3000);
        this.#next();
      },
      onError: (error) => {
        this.#set(id, { state: "failed", reason: reasonOf(error) });
        toasts.fail(new Failure("upload", `${file.name}: ${reasonOf(error)}`, 0));
        this.#next();
      },
    });
  }

  #next() {
    const free = AT_ONCE - this.list.filter((one) => one.state === "sending").length;
    const waiting = this.list.filter((one) => one.state === "waiting");
    for (const entry of waiting.slice(0, Math.max(0, free))) this.resume(entry.id);
  }

  async #start(id: number) {
    const upload = this.#find(id)?.upload;
    if (!upload) return;
    const earlier = await upload.findPreviousUploads();
    if (earlier[0]) upload.resumeFromPreviousUpload(earlier[0]);
    upload.start();
  }

  #find(id: number) {
    return this.list.find((one) => one.id === id);
  }

  #set(id: number, change: Partial<Running>) {
    const entry = this.#find(id);
    if (entry) Object.assign(entry, change);
  }
}

function reasonOf(error: Error): string {
  const response =
    "originalResponse" in error ? (error.originalResponse as { getBody(): string } | null) : null;
  if (!response) return "The line broke. Continue when the server answers again.";
  try {
    return (JSON.parse(response.getBody()) as { detail: string }).detail;
  } catch {
    return error.message;
  }
}

export const uploads = new Uploads();
