// The bin that `b` collects into. Which one it is, this browser remembers; what is in it, the server.

import { answer, client, Failure, type Schemas } from "../api/client";
import { follow } from "../api/events";
import { session } from "../parts/session.svelte";
import { toasts } from "../parts/toasts.svelte";

export type Bin = Schemas["BinView"];
export type Pick = Schemas["PickBody"];

const KEY = "rushes-bin";

class CurrentBin {
  bin = $state.raw<Bin | null>(null);
  #following = false;
  #before: Promise<void> = Promise.resolve();

  /** Loads the bin that was current, once; follows changes that others make. */
  async open() {
    if (this.#following) return;
    this.#following = true;
    follow(
      "bin.",
      (event) => {
        if (event.bin === this.bin?.id) void this.reload();
      },
      () => void this.reload(),
    );
    this.#before = this.reload(localStorage.getItem(KEY));
    await this.#before;
  }

  async reload(id: string | null = this.bin?.id ?? null) {
    if (!id) return;
    try {
      this.bin = await answer(client.GET("/v1/bins/{bin}", { params: { path: { bin: id } } }));
    } catch (error) {
      if (error instanceof Failure && error.status === 404) this.choose(null);
    }
  }

  /** Loads a bin, and collects into it from now on. */
  async collectInto(id: string) {
    try {
      this.choose(await answer(client.GET("/v1/bins/{bin}", { params: { path: { bin: id } } })));
    } catch (error) {
      toasts.fail(error);
    }
  }

  choose(bin: Bin | null) {
    this.bin = bin;
    if (bin) localStorage.setItem(KEY, bin.id);
    else localStorage.removeItem(KEY);
  }

  /** Adds picks, after those that were added before; makes a first bin if there is none. */
  add(picks: Pick[]): Promise<void> {
    this.#before = this.#before.then(() => this.#addNow(picks));
    return this.#before;
  }

  async #addNow(picks: Pick[]): Promise<void> {
    if (picks.length === 0) return;
    if (!session.may("write")) {
      toasts.say("Your key may look, but not collect into bins.");
      return;
    }
    try {
      if (!this.bin) {
        // The remembered bin may not have been loaded yet, because the server did not answer.
        const remembered = localStorage.getItem(KEY);
        if (remembered) await this.reload(remembered);
        if (this.bin) return await this.#addNow(picks);
        if (localStorage.getItem(KEY)) throw new Error("The bin cannot be read now; try again in a moment.");
        const name = `Picks of ${new Date().toLocaleString("sv")}`;
        const made = await answer(client.POST("/v1/bins", { body: { name, picks } }));
        this.choose(made);
        this.#added(made.picks.map((pick) => pick.id));
        return;
      }
      const path = { bin: this.bin.id };
      const { items } = await answer(
        client.POST("/v1/bins/{bin}/items", { params: { path }, body: { picks } }),
      );
      await this.reload();
      this.#added(items);
    } catch (error) {
      toasts.fail(error);
    }
  }

  #added(items: string[]) {
    const bin = this.bin;
    if (!bin) return;
    const what = items.length === 1 ? "Added" : `Added ${items.length} shots`;
    toasts.say(`${what} to ${bin.name}`, { label: "Undo", run: () => void this.#remove(bin.id, items) });
  }

  async #remove(bin: string, items: string[]) {
    try {
      for (const item of items)
        await answer(client.DELETE("/v1/bins/{bin}/items/{item}", { params: { path: { bin, item } } }));
      await this.reload();
    } catch (error) {
      toasts.fail(error);
    }
  }
}

export const currentBin = new CurrentBin();
