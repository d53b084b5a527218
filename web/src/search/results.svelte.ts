// The answer to the query in the address bar, page by page.

import { answer, client, Failure, type Schemas } from "../api/client";
import { sense } from "../people/sense.svelte";
import { samplePart } from "./samples";

/** A hit of a search, or a match cut, which has other evidence. */
export type Hit = Omit<Schemas["Hit"], "evidence"> & {
  evidence: Schemas["Evidence"] | Schemas["MatchCutEvidence"];
};
export type Answer = Schemas["Answer"];

/** What the address bar says. */
export interface Asked {
  text: string;
  /** Names of pictures and clips. */
  samples: string[];
}

const PAGE = 100;
/** Fields whose values are counted beside the results. */
const COUNTED = ["title", "tag", "language"];

class Results {
  hits = $state.raw<Hit[]>([]);
  /** Of the first page. */
  first = $state.raw<Answer | null>(null);
  failure = $state<Failure | null>(null);
  isBusy = $state(false);
  /** What the hits belong to. */
  asked = $state.raw<Asked>({ text: "", samples: [] });

  /** Ends when the last query is answered. */
  answered: Promise<void> = Promise.resolve();

  /** Why the next page is not there; what is shown stays. */
  stuck = $state<Failure | null>(null);
  hasMore = $state(false);
  /** Whether shots that are not likely are among the hits. */
  isWide = $state(false);
  /** How far the results are scrolled, for those who come back. */
  place = 0;

  #next: string | null = null;
  /** What the first page counts. Later pages must ask for the same. */
  #counts: string[] = [];
  #running: AbortController | null = null;
  #isLoadingMore = false;

  get isEmptyQuery() {
    return this.asked.text.trim() === "" && this.asked.samples.length === 0;
  }

  /** Asks; what was asked before is forgotten. */
  run(asked: Asked): Promise<void> {
    this.answered = this.#ask(asked);
    return this.answered;
  }

  /** Asks again, for shots that are not likely as well. */
  widen(): Promise<void> {
    const counts = this.first?.facets;
    this.answered = this.#ask(this.asked, true).then(() => {
      // Only likely shots are counted, so the counts stay.
      if (this.first && counts) this.first = { ...this.first, facets: counts };
    });
    return this.answered;
  }

  async #ask(asked: Asked, wide = false) {
    this.isWide = wide;
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.asked = asked;
    this.failure = null;
    this.stuck = null;
    this.#setNext(null);
    if (this.isEmptyQuery) {
      this.hits = [];
      this.first = null;
      this.isBusy = false;
      return;
    }
    this.isBusy = true;
    try {
      await sense.known();
      this.#counts = counted(wide);
      const found = await ask(asked, null, this.#counts, running.signal).catch((error: unknown) => {
        if (!(error instanceof Failure && error.code === "people-off" && sense.isOn)) throw error;
        // It was turned off meanwhile, so people cannot be counted any more.
        sense.wentOff();
        this.#counts = counted(wide);
        return ask(asked, null, this.#counts, running.signal);
      });
      if (running.signal.aborted) return;
      this.first = found;
      this.hits = found.hits;
      this.#setNext(found.next ?? null);
    } catch (error) {
      if (running.signal.aborted) return;
      this.failure = error instanceof Failure ? error : new Failure("unknown", String(error), 0);
      this.hits = [];
      this.first = null;
    } finally {
      if (this.#running === running) this.isBusy = false;
    }
  }

  #setNext(next: string | null) {
    this.#next = next;
    this.hasMore = next !== null;
  }

  /** Forgets what was found, where another query is asked on a screen that just opened. */
  clear() {
    this.#running?.abort();
    this.hits = [];
    this.first = null;
    this.failure = null;
    this.place = 0;
  }

  /** Whether these are the results of a query, so that it need not be asked again. */
  answers(asked: Asked): boolean {
    const same = JSON.stringify(asked) === JSON.stringify(this.asked);
    return same && !this.isBusy && this.failure === null && (this.first !== null || this.isEmptyQuery);
  }

  /** Appends the next page, if there is one. */
  async more() {
    const running = this.#running;
    if (!this.#next || this.#isLoadingMore || !running) return;
    this.#isLoadingMore = true;
    try {
      const found = await ask(this.asked, this.#next, this.#counts, running.signal);
      if (running.signal.aborted) return;
      this.hits = [...this.hits, ...found.hits];
      this.#setNext(found.next ?? null);
      this.stuck = null;
    } catch (error) {
      if (running.signal.aborted) return;
      if (error instanceof Failure && error.code === "people-off" && sense.isOn) {
        // It was turned off meanwhile, and the list with its counts of people is gone.
        sense.wentOff();
        return void this.run(this.asked);
      }
      this.stuck = error instanceof Failure ? error : new Failure("unknown", String(error), 0);
      // The list behind an expired token is gone.
      if (this.stuck.code === "page-token-expired") this.#setNext(null);
    } finally {
      this.#isLoadingMore = false;
    }
  }
}

export const results = new Results();

/** Videos in scope that cannot be searched yet. Those that could not be read are not waited for. */
export const waiting = ({ coverage }: Answer) => coverage.total - coverage.ready - coverage.failed;

/** What a search counts. Counts are of likely shots, so a search that counts finds no others. */
const counted = (wide: boolean) => (wide ? [] : [...COUNTED, ...(sense.isOn ? ["person"] : [])]);

function ask(
  { text, samples }: Asked,
  page: string | null,
  facets: string[],
  signal: AbortSignal,
): Promise<Answer> {
  const parts = samples.map((name) => {
    const part = samplePart(name);
    if (part) return part;
    const message =
      "The picture or clip of this search is only known to the tab where it was dropped. Drop it again.";
    throw new Failure("sample-gone", message, 0);
  });
  const q = text.trim() === "" ? {} : { q: text };
  const body = {
    ...q,
    ...(parts.length > 0 ? { parts } : {}),
    facets,
    limit: PAGE,
    page,
  };
  return answer(client.POST("/v1/search", { body, signal }));
}
