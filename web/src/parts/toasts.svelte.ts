// Short messages at the edge of the page, some with a way back.

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "failed";
  action?: { label: string; run: () => void };
}

/** How long a message with something to press stays, in milliseconds; deletions can be undone as long. */
export const UNDO_MS = 10_000;

class Toasts {
  list = $state<Toast[]>([]);
  #last = 0;

  /** Shows a message, and returns its id. */
  say(text: string, action?: Toast["action"]): number {
    return this.#add({ text, kind: "done", action }, action ? UNDO_MS : 4000);
  }

  /** Reports an error; can be passed to `catch`. */
  fail = (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    this.#add({ text, kind: "failed" }, UNDO_MS);
  };

  close(id: number) {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, "id">, stays: number): number {
    const id = ++this.#last;
    // Messages with a way back stay as long as they promise.
    const old = this.list.filter((one) => !one.action).slice(0, -3);
    this.list = [...this.list.filter((one) => !old.includes(one)), { id, ...toast }];
    setTimeout(() => this.close(id), stays);
    return id;
  }
}

export const toasts = new Toasts();

/** Waits for a change, reports how it ended, and then shows the new state. */
export async function act(request: Promise<unknown>, show: () => unknown, said?: string) {
  try {
    await request;
    if (said) toasts.say(said);
    await show();
  } catch (error) {
    toasts.fail(error);
  }
}
