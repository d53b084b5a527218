// The assets of the catalogue, kept up to date by events, and the work on them.

import { answer, client, type Schemas } from "../api/client";
import { follow } from "../api/events";

export type AssetItem = Schemas["AssetListItem"];
export type Job = Schemas["JobView"];

const PAGE = 500;
/** How often the progress of running work is asked for. Progress is no event. */
const PROGRESS_MS = 1000;

export class Assets {
  list = $state.raw<AssetItem[]>([]);
  jobs = $state.raw<Map<string, Job>>(new Map());
  failure = $state<unknown>(null);
  isLoaded = $state(false);
  #again: ReturnType<typeof setTimeout> | undefined;
  #filter: { state?: string; name?: string } = {};

  /** Follows the catalogue until the returned function is called. */
  follow(): () => void {
    const soon = () => {
      clearTimeout(this.#again);
      this.#again = setTimeout(() => void this.load(), 200);
    };
    const stops = ["asset.", "job.", "title."].map((family) => follow(family, soon, soon));
    const timer = setInterval(() => {
      if (!document.hidden && this.list.some((asset) => isWorking(asset.state))) void this.progress();
    }, PROGRESS_MS);
    return () => {
      for (const stop of stops) stop();
      clearInterval(timer);
      clearTimeout(this.#again);
    };
  }

  async load(filter = this.#filter) {
    this.#filter = filter;
    try {
      const found: AssetItem[] = [];
      let page: string | undefined;
      do {
        const query = { ...filter, limit: PAGE, ...(page ? { page } : {}) };
        const answered = await answer(client.GET("/v1/assets", { params: { query } }));
        found.push(...answered.assets);
        page = answered.next ?? undefined;
        // Shown while the rest arrives.
        if (this.#filter === filter && this.list.length < found.length) this.list = [...found];
      } while (page && this.#filter === filter);
      if (this.#filter !== filter) return;
      this.list = found;
      this.failure = null;
      await this.progress();
    } catch (error) {
      this.failure = error;
    } finally {
      this.isLoaded = true;
    }
  }

  /** The newest job of each asset that is not ready. */
  async progress() {
    try {
      const jobs = new Map<string, Job>();
      for (const state of ["failed", "pending", "running"]) {
        const answered = await client.GET("/v1/jobs", { params: { query: { state, limit: 200 } } });
        for (const job of answered.data?.jobs ?? []) {
          const known = jobs.get(job.asset);
          if (!known || known.created_ms < job.created_ms) jobs.set(job.asset, job);
        }
      }
      this.jobs = jobs;
    } catch {
      // The next event or second brings it.
    }
  }
}

export const isWorking = (state: string) => state === "pending" || state === "running";

/** How far a job is, from 0 to 1. Stages count alike; an unknown total counts as nothing done. */
export function progressOf(job: Job | undefined): number {
  if (!job || job.stages.length === 0) return 0;
  const parts = job.stages.map((stage) =>
    stage.state === "ready" ? 1 : stage.total ? Math.min(1, stage.done / stage.total) : 0,
  );
  return parts.reduce((sum, part) => sum + part, 0) / parts.length;
}

const NAMES: Record<string, string> = {
  probe: "reading the file",
  shots: "finding shots",
  proxies: "making previews",
  thumbnails: "making thumbnails",
  embeddings: "looking at the shots",
  dialogue: "reading subtitles",
  speech: "listening to speech",
  meaning: "reading what is said",
  text: "reading what is written",
  sound: "measuring sound",
  "sound-tags": "naming sounds",
  people: "looking at faces",
};

/** What is being done, in words. */
export const stageName = (feature: string) => NAMES[feature.split("/")[0] ?? feature] ?? feature;
