// Changes of a bin, each on top of the revision that this page shows.

import { answer, client, Failure, fetched, type Schemas } from "../api/client";

export type Bin = Schemas["BinView"];
export type BinItem = Schemas["BinItemView"];

export const load = (bin: string): Promise<Bin> =>
  answer(client.GET("/v1/bins/{bin}", { params: { path: { bin } } }));

/** Whether somebody else changed the bin first, so that it must be loaded again. */
export const isStale = (error: unknown) => error instanceof Failure && error.code === "changed-meanwhile";

const known = (bin: Bin) => ({ "if-match": String(bin.revision) });

export const rename = (bin: Bin, name: string) =>
  answer(
    client.PATCH("/v1/bins/{bin}", { params: { path: { bin: bin.id }, header: known(bin) }, body: { name } }),
  );

export const change = (bin: Bin, item: string, body: Schemas["ItemChange"]): Promise<Bin> => {
  const path = { bin: bin.id, item };
  return answer(client.PATCH("/v1/bins/{bin}/items/{item}", { params: { path, header: known(bin) }, body }));
};

export const remove = (bin: Bin, item: string) => {
  const path = { bin: bin.id, item };
  return answer(client.DELETE("/v1/bins/{bin}/items/{item}", { params: { path, header: known(bin) } }));
};

/** Adds an item to its bin again, at its place. */
export async function putBack(bin: string, item: BinItem, position: number) {
  const { asset, start, end, note, query, score, similarity, line } = item;
  const pick = { asset: asset.id, start: start.frame, end: end.frame, note, query, score, similarity, line };
  const path = { bin };
  const { items } = await answer(
    client.POST("/v1/bins/{bin}/items", { params: { path }, body: { picks: [pick] } }),
  );
  const [added] = items;
  if (!added) return;
  const there = { bin, item: added };
  await answer(client.PATCH("/v1/bins/{bin}/items/{item}", { params: { path: there }, body: { position } }));
}

/** The shot whose thumbnail and clip show an item. */
export const shownBy = (item: BinItem): string => item.shown_in ?? item.shot;

/** Exports and hands the file to the browser. */
export async function download(body: Schemas["ExportBody"]): Promise<string> {
  const response = await fetched(
    fetch("/v1/exports", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  const disposition = response.headers.get("content-disposition") ?? "";
  const starred = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  const plain = /filename="([^"]*)"/i.exec(disposition)?.[1];
  const name = starred ? decodeURIComponent(starred) : (plain ?? `export.${body.format}`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return name;
}
