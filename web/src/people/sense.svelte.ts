// Whether the sense of people is on, and who there is.

import { answer, client, type Schemas } from "../api/client";

export type Person = Schemas["Person"];
export type Coverage = Schemas["PeopleCoverage"];

const PAGE = 1000;

class Sense {
  /** `null` until it is known. */
  view = $state.raw<Schemas["ConsentView"] | null>(null);

  get isOn() {
    return this.view?.is_on ?? false;
  }

  #asked: Promise<void> | undefined;

  /** Asks the server, unless it is known. Where it does not answer, the sense counts as off. */
  known(): Promise<void> {
    return (this.#asked ??= this.load().catch(() => (this.#asked = undefined)));
  }

  async load() {
    this.view = await answer(client.GET("/v1/people/consent"));
  }

  /** Says that it was turned off meanwhile, as an answer of the server showed. */
  wentOff() {
    if (this.view) this.view = { ...this.view, is_on: false };
  }
}

export const sense = new Sense();

/** Everybody, those in the most shots first, and how many videos were looked at. */
export async function everybody(hidden = false): Promise<{ people: Person[]; coverage: Coverage }> {
  const people: Person[] = [];
  let from = 0;
  for (;;) {
    const query = { limit: PAGE, from, hidden };
    const page = await answer(client.GET("/v1/people", { params: { query } }));
    people.push(...page.people);
    if (page.next === null || page.next === undefined) return { people, coverage: page.coverage };
    from = page.next;
  }
}

/** Those with a name first, by the alphabet; the others by the number of their shots, as the server lists them. */
export function inOrder(people: readonly Person[]): Person[] {
  const named = people.filter((one) => one.name);
  named.sort((a, b) => (a.name ?? "").localeCompare(b.name ?? ""));
  return [...named, ...people.filter((one) => !one.name)];
}

export const portrait = (face: string) => `/v1/faces/${encodeURIComponent(face)}/crop.jpg`;
