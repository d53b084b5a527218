// Deletions that can be undone: what is deleted is hidden at once, and deleted once nobody can undo it any more.

import { SvelteMap } from "svelte/reactivity";
import { toasts, UNDO_MS } from "./toasts.svelte";

export class Deletions {
  readonly #pending = new SvelteMap<string, ReturnType<typeof setTimeout>>();

  /** Whether something is about to be deleted, so that it is not shown. */
  has(id: string) {
    return this.#pending.has(id);
  }

  /** Hides something, and deletes it later. `erase` ends when what is shown no longer has it. */
  add(id: string, name: string, erase: () => Promise<void>) {
    const timer = setTimeout(() => void erase().finally(() => this.#pending.delete(id)), UNDO_MS);
    this.#pending.set(id, timer);
    const run = () => {
      clearTimeout(timer);
      this.#pending.delete(id);
    };
    toasts.say(`Deleted ${name}`, { label: "Undo", run });
  }
}
