// What this browser may do. What it may not is not offered: see `[data-needs]` in base.css.

import { answer, client, type Schemas } from "../api/client";

type Scope = Schemas["KeyScope"];

class Session {
  view = $state.raw<Schemas["SessionView"] | null>(null);
  #asked: Promise<void> | undefined;

  /** Asks the server, once. */
  load(): Promise<void> {
    return (this.#asked ??= this.#ask());
  }

  async #ask() {
    this.view = await answer(client.GET("/v1/session"));
    document.documentElement.dataset.may = this.view.scopes.join(" ");
  }

  /** Whether requests of this scope are allowed. Until the server has answered, they are taken to be. */
  may(scope: Scope): boolean {
    return this.view?.scopes.includes(scope) ?? true;
  }
}

export const session = new Session();
