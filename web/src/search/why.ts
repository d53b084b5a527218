// Why a shot was found, in words.

import type { Schemas } from "../api/client";
import { percent } from "../parts/time";
import type { Hit } from "./results.svelte";

export interface Why {
  /** Which sense found it. */
  sense: string;
  /** A spoken line or a label, in pieces of which some matched. */
  line?: { text: string; marked: boolean }[];
  /** A measure. */
  note?: string;
}

/** Least confidence by sight that is named beside another sense. */
const NAMED = 0.3;

/** The reasons, the most telling first. */
export function reasons(hit: Hit): Why[] {
  const found: Why[] = [];
  // Of a match cut, how its first frame continues the shot.
  if ("composition" in hit.evidence) {
    found.push({ sense: "fits", note: percent(hit.evidence.composition) });
    found.push({ sense: "moves alike", note: percent(hit.evidence.motion) });
    return found;
  }
  const { visual, dialogue, speech, text, sound, meaning, label } = hit.evidence;
  if (dialogue) found.push({ sense: "said", line: marked(dialogue.text, dialogue.marks) });
  else if (speech) found.push({ sense: "heard", line: marked(speech.text, speech.marks) });
  else if (meaning)
    found.push({ sense: "meant", line: marked(meaning.text, []), note: percent(meaning.similarity) });
  if (text) found.push({ sense: "written", line: marked(text.text, text.marks) });
  if (sound) found.push({ sense: "sounds", note: sounding(sound) });
  // The title stands under the picture already.
  if (label && label.kind !== "title")
    found.push({ sense: label.kind, line: marked(label.text, label.marks) });
  // Every shot has some similarity to any text, so sight is named only where it says something.
  if (visual && (found.length === 0 || (visual.confidence ?? 0) >= NAMED)) {
    const { confidence, similarity } = visual;
    found.push({ sense: "seen", note: confidence == null ? similarity.toFixed(2) : percent(confidence) });
  }
  return found;
}

/** What was heard or measured in the sound, in words. */
export function sounding({ kind, name, strength, at }: Schemas["HeardSound"]): string {
  if (kind === "named") {
    const when = at ? ` at ${at.smpte}` : "";
    return `${name ?? "heard"}${when}, ${percent(strength)}`;
  }
  if (kind === "bang") return at ? `bang at ${at.smpte}` : "bang";
  return kind === "loud" ? `loud, ${strength.toFixed(0)} LUFS` : `${kind} ${percent(strength)}`;
}

/** A text in pieces. Ranges count Unicode characters, of which JavaScript's strings have one or two units each. */
export function marked(
  text: string,
  ranges: readonly Schemas["TextRange"][],
): { text: string; marked: boolean }[] {
  const characters = [...text];
  const pieces: { text: string; marked: boolean }[] = [];
  let at = 0;
  const push = (upTo: number, marked: boolean) => {
    const end = Math.min(upTo, characters.length);
    if (end > at) pieces.push({ text: characters.slice(at, end).join(""), marked });
    at = Math.max(at, end);
  };
  for (const { start, end } of ranges) {
    push(start, false);
    push(end, true);
  }
  push(characters.length, false);
  return pieces;
}
