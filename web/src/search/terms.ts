// The text of a query as terms, so that each can be shown and changed as a chip. The server alone says what a query
// means and what is wrong with it; this only finds where a term begins and ends (docs/search.md).

export type TermKind = "words" | "phrase" | "group" | "like" | "filter" | "option";

export interface Term {
  kind: TermKind;
  /** Without sign and weight, as it stands in the text. */
  text: string;
  /** Before the colon. */
  field?: string;
  /** After the colon, unquoted if it is one quoted value. */
  value?: string;
  negative: boolean;
  weight: number | null;
}

const OPTIONS = new Set(["in", "match", "group", "collapse", "sort", "facet", "other"]);
const MODALITIES = new Set([
  "seen",
  "said",
  "heard",
  "meant",
  "written",
  "labelled",
  "noise",
  "visual",
  "dialogue",
  "speech",
  "meaning",
  "text",
  "sound",
  "label",
]);

/** The terms of a text, in order. Neighbouring plain words are one term. */
export function terms(text: string): Term[] {
  const found: Term[] = [];
  for (const raw of split(text)) {
    const term = parse(raw);
    const last = found.at(-1);
    const plain = (one: Term | undefined) =>
      one?.kind === "words" && !one.negative && one.weight === null && one.field === undefined;
    if (last && plain(last) && plain(term)) last.text += ` ${term.text}`;
    else found.push(term);
  }
  return found;
}

/** The text of terms. */
export function write(list: readonly Term[]): string {
  return list.map(writeTerm).filter(Boolean).join(" ");
}

/** A term whose several words must stay together once it has a sign or a weight is written in brackets. */
function writeTerm(term: Term): string {
  const marked = term.negative || term.weight !== null;
  const loose = term.kind === "words" && term.field === undefined && /\s/.test(term.text);
  const body = marked && loose ? `(${term.text})` : term.text;
  const weight = term.weight === null ? "" : `^${Number(term.weight.toFixed(2))}`;
  return `${term.negative ? "-" : ""}${body}${weight}`;
}

/** A value as it is written after a colon. */
export function quoted(value: string): string {
  return /^[\p{L}\p{N}_.-]+$/u.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** A filter as a term; `written` is the value as it stands in the text. */
export function filterTerm(field: string, value: string, written = quoted(value)): Term {
  return { kind: "filter", text: `${field}:${written}`, field, value, negative: false, weight: null };
}

/** What is to be like a shot, or unlike it, as a term. */
export function likeTerm(shot: string, negative = false): Term {
  return { kind: "like", text: `like:${shot}`, field: "like", value: shot, negative, weight: null };
}

/** The pieces between spaces, with quotes and brackets kept whole. */
function split(text: string): string[] {
  const pieces: string[] = [];
  let piece = "";
  let depth = 0;
  let inQuotes = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] as string;
    if (sign === "\\" && at + 1 < text.length) {
      piece += sign + text[++at];
      continue;
    }
    if (sign === '"') inQuotes = !inQuotes;
    else if (!inQuotes && sign === "(") depth++;
    else if (!inQuotes && sign === ")") depth = Math.max(0, depth - 1);
    if (/\s/.test(sign) && !inQuotes && depth === 0) {
      if (piece) pieces.push(piece);
      piece = "";
    } else piece += sign;
  }
  if (piece) pieces.push(piece);
  return pieces;
}

function parse(raw: string): Term {
  const negative = raw.length > 1 && raw.startsWith("-");
  let text = negative ? raw.slice(1) : raw;
  const weight = /\^(\d+(?:\.\d+)?)$/.exec(text);
  const field = /^([a-z][a-z_.]*):(.+)$/i.exec(weight ? text.slice(0, weight.index) : text);
  const weighs = weight !== null && field?.[1] !== "in";
  if (weighs) text = text.slice(0, weight.index);
  const rest = { negative, weight: weighs ? Number(weight[1]) : null };
  if (field) {
    const [, name = "", value = ""] = field;
    const kind = MODALITIES.has(name)
      ? "words"
      : name === "like"
        ? "like"
        : OPTIONS.has(name)
          ? "option"
          : "filter";
    return { kind, text, field: name, value: unquoted(value), ...rest };
  }
  if (/^".*"$/s.test(text)) return { kind: "phrase", text, value: unquoted(text), ...rest };
  if (/^\(.*\)$/s.test(text)) return { kind: "group", text, value: text.slice(1, -1), ...rest };
  return { kind: "words", text, ...rest };
}

/** The name of a person that is being written before the caret, and where it begins; `null` if it is none. */
export function personBefore(text: string, caret: number): { begins: number; name: string } | null {
  const found = /(?:^|[\s(])-?(?:person|people):(?:(?:"[^"]*"|[^\s",]+),)*("[^"]*|[^\s",]*)$/i.exec(
    text.slice(0, caret),
  );
  const written = found?.[1];
  if (written === undefined) return null;
  return { begins: caret - written.length, name: written.replace(/^"/, "") };
}

function unquoted(value: string): string {
  const inner = /^"((?:[^"\\]|\\.)*)"$/s.exec(value);
  return (inner?.[1] ?? value).replace(/\\(.)/gs, "$1");
}

/** The text with a term of this field set to a value; removed if `null`. */
export function withOption(text: string, field: string, value: string | null): string {
  const kept = terms(text).filter((term) => term.field !== field);
  if (value !== null)
    kept.push({ kind: "option", text: `${field}:${value}`, field, value, negative: false, weight: null });
  return write(kept);
}

/** The value of the first term of this field. */
export function option(text: string, field: string): string | null {
  return terms(text).find((term) => term.field === field)?.value ?? null;
}
