// What happens on the server, as it happens (`GET /v1/events`). One stream per page, none while the page is hidden:
// browsers allow six connections to a server, and each tab takes one.

/** An event, as `Event` of src/catalog/events.rs. */
export interface Event {
  seq: number;
  type: string;
  title?: string;
  asset?: string;
  job?: string;
  bin?: string;
  redaction?: string;
  body: Record<string, unknown>;
}

type Listener = (event: Event) => void;

const listeners = new Set<{ family: string; listener: Listener }>();
const reconnected = new Set<() => void>();
let source: EventSource | null = null;
let pause = 1000;
let last = "";
let wasOpen = false;

/** Follows the events whose type begins with `family`. Returns how to stop. `again` is called when events may be missing. */
export function follow(family: string, listener: Listener, again?: () => void): () => void {
  const entry = { family, listener };
  listeners.add(entry);
  if (again) reconnected.add(again);
  open();
  return () => {
    listeners.delete(entry);
    if (again) reconnected.delete(again);
    if (listeners.size === 0) close();
  };
}

function open() {
  if (source || listeners.size === 0 || document.hidden) return;
  const opened = new EventSource("/v1/events");
  source = opened;
  opened.onopen = () => {
    pause = 1000;
    // The stream begins with what happens next, so what happened in between must be looked up.
    if (wasOpen) for (const again of reconnected) again();
    wasOpen = true;
  };
  opened.onerror = () => {
    // The browser reconnects by itself after a broken line, but not after a refusal.
    if (opened.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(open, pause);
    pause = Math.min(pause * 2, 30_000);
  };
  for (const type of TYPES) opened.addEventListener(type, receive);
  opened.addEventListener("missed", () => {
    for (const again of reconnected) again();
  });
}

function receive(message: MessageEvent<string>) {
  if (message.lastEventId && message.lastEventId === last) return;
  last = message.lastEventId;
  const event = JSON.parse(message.data) as Event;
  for (const { family, listener } of listeners) if (event.type.startsWith(family)) listener(event);
}

function close() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));

const STATES = ["running", "ready", "failed", "cancelled"];
const TYPES = [
  ...["registered", "changed", "left", "replaced", "deleted"].map((what) => `asset.${what}`),
  ...STATES.flatMap((state) => [`stage.${state}`, `job.${state}`]),
  ...["created", "changed", "deleted"].flatMap((what) => [`title.${what}`, `bin.${what}`]),
  ...["created", "done", "failed", "deleted"].map((what) => `redaction.${what}`),
];
