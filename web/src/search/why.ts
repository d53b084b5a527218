// Why a shot was found, in words.

import type { Hit } from "./results.svelte";
import { terms } from "./terms";

export interface Why {
  /** Which sense found it. */
  sense: string;
  /** A spoken line, in pieces of which some matched. */
  line?: { text: string; marked: boolean }[];
  /** A measure. */
  note?: string;
}

/** Least confidence by sight that is named beside another sense. */
const NAMED = 0.3;

/** The reasons, the most telling first. */
export function reasons(hit: Hit, query: string): Why[] {
  const { visual, dialogue, meaning } = hit.evidence;
  const found: Why[] = [];
  if (dialogue) found.push({ sense: "said", line: marked(dialogue.text, query) });
  else if (meaning)
    found.push({
      sense: "meant",
      line: [{ text: meaning.text, marked: false }],
      note: percent(meaning.similarity),
    });
  // Every shot has some similarity to any text, so sight is named only where it says something.
  if (visual && (found.length === 0 || (visual.confidence ?? 0) >= NAMED)) {
    const { confidence, similarity } = visual;
    found.push({ sense: "seen", note: confidence == null ? similarity.toFixed(2) : percent(confidence) });
  }
  return found;
}

export const percent = (share: number) => `${Math.round(share * 100)} %`;

/** A line in which the words of the query are marked, in any inflection that begins alike. */
export function marked(line: string, query: string): { text: string; marked: boolean }[] {
  const wanted = new Set(
    terms(query)
      .filter((term) => !term.negative && ["words", "phrase", "group"].includes(term.kind))
      .flatMap((term) => (term.value ?? term.text).split(/[^\p{L}\p{N}']+/u))
      .map(stem)
      .filter(Boolean),
  );
  return line
    .split(/([\p{L}\p{N}']+)/u)
    .filter(Boolean)
    .map((text) => ({ text, marked: wanted.has(stem(text)) }));
}

const stem = (word: string) => {
  const folded = word.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return folded.length > 4 ? folded.replace(/(ing|ed|es|s)$/, "") : folded;
};
