// Deletions that can be undone: what is deleted is hidden at once, and deleted once nobody can undo it any more.

import { SvelteMap } from "svelte/reactivity";
import { toasts, UNDO_MS } from "./toasts.svelte";

/** Deletions that still can be undone. A page that closes takes the way back with it, so it makes them first. */
const pending = new Set<() => void>();
addEventListener("pagehide", () => pending.forEach((erase) => erase()));

export class Deletions {
  readonly #hidden = new SvelteMap<string, ReturnType<typeof setTimeout>>();

  /** Whether something is about to be deleted, so that it is not shown. */
  has(id: string) {
    return this.#hidden.has(id);
  }

  /**
   * Hides something, and deletes it later. `erase` ends when what is shown no longer has it. Its request needs
   * `keepalive`, so that it outlives the page.
   */
  add(id: string, name: string, erase: () => Promise<void>) {
    const now = () => {
      pending.delete(now);
      clearTimeout(timer);
      toasts.close(toast);
      void erase().finally(() => this.#hidden.delete(id));
    };
    const timer = setTimeout(now, UNDO_MS);
    pending.add(now);
    this.#hidden.set(id, timer);
    const run = () => {
      pending.delete(now);
      clearTimeout(timer);
      this.#hidden.delete(id);
    };
    const toast = toasts.say(`Deleted ${name}`, { label: "Undo", run });
  }
}
