// The address bar is the state of the page: every screen and every query has an address.

export type Route =
  | { screen: "search" }
  | { screen: "shot"; id: string }
  | { screen: "bins" }
  | { screen: "bin"; id: string }
  | { screen: "library" }
  | { screen: "people" }
  | { screen: "redactions" }
  | { screen: "redaction"; id: string }
  | { screen: "settings" }
  | { screen: "missing" };

function parse(path: string): Route {
  const [first = "", second, ...rest] = path.split("/").filter(Boolean).map(decode);
  if (rest.length > 0) return { screen: "missing" };
  if (second !== undefined) {
    if (first === "shots") return { screen: "shot", id: second };
    if (first === "bins") return { screen: "bin", id: second };
    if (first === "redactions") return { screen: "redaction", id: second };
    return { screen: "missing" };
  }
  switch (first) {
    case "":
      return { screen: "search" };
    case "bins":
    case "library":
    case "people":
    case "redactions":
    case "settings":
      return { screen: first };
    default:
      return { screen: "missing" };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Router {
  #url = $state(new URL(location.href));
  readonly route = $derived(parse(this.#url.pathname));
  readonly query = $derived(this.#url.searchParams);

  constructor() {
    addEventListener("popstate", () => (this.#url = new URL(location.href)));
  }

  /** Opens an address; `replace` leaves no entry in the history. */
  go(address: string, replace = false) {
    const url = new URL(address, location.href);
    if (url.href === this.#url.href) return;
    history[replace ? "replaceState" : "pushState"](null, "", url);
    const moved = url.pathname !== this.#url.pathname;
    this.#url = url;
    if (moved) scrollTo(0, 0);
  }
}

export const router = new Router();

/** Opens links of this page without loading it again. */
export function followLinks(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
    return;
  const link = (event.target as Element | null)?.closest("a");
  if (!link || link.hash || link.target || link.hasAttribute("download") || link.origin !== location.origin)
    return;
  if (parse(link.pathname).screen === "missing") return;
  event.preventDefault();
  router.go(link.href);
}
