// The shots that are selected in the results.

import { SvelteMap } from "svelte/reactivity";
import type { Hit } from "./results.svelte";

class Selection {
  readonly #hits = new SvelteMap<string, Hit>();

  get size() {
    return this.#hits.size;
  }

  get shots(): string[] {
    return [...this.#hits.keys()];
  }

  has(shot: string) {
    return this.#hits.has(shot);
  }

  toggle(hit: Hit) {
    if (!this.#hits.delete(hit.shot)) this.#hits.set(hit.shot, hit);
  }

  /** Selects everything from one index to another. */
  extend(hits: readonly Hit[], from: number, to: number) {
    for (const hit of hits.slice(Math.min(from, to), Math.max(from, to) + 1)) this.#hits.set(hit.shot, hit);
  }

  clear() {
    this.#hits.clear();
  }
}

export const selection = new Selection();
