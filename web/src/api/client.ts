// The typed client. Types are generated from the server's OpenAPI document (`npm run client`).

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** A refusal or a failure: the server's own words, or what happened to the connection. */
export class Failure extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Called when the server asks for a key. */
export const signedOut = { listener: (_failure: Failure) => {} };

export const client = createClient<paths>({ baseUrl: "/" });

type Reply<T> = { data?: T; error?: unknown; response: Response };

/** The answer of a request, or a thrown `Failure`. */
export async function answer<T>(request: Promise<Reply<T>>): Promise<T> {
  let reply: Reply<T>;
  try {
    reply = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    if (cause instanceof SyntaxError)
      throw new Failure("no-answer", "The server's answer cannot be read.", 0);
    throw new Failure("no-connection", "The server does not answer. Is `rushes serve` running?", 0);
  }
  if (reply.response.ok) return reply.data as T;
  throw failure(reply.error, reply.response);
}

/** The same for plain `fetch`, where the answer is a file. */
export async function fetched(request: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await request;
  } catch {
    throw new Failure("no-connection", "The server does not answer. Is `rushes serve` running?", 0);
  }
  if (response.ok) return response;
  throw failure(await response.json().catch(() => null), response);
}

function failure(error: unknown, response: Response): Failure {
  const problem = error as Partial<Problem> | null;
  const code = problem?.code ?? "no-answer";
  const message = problem?.detail ?? `The server answered ${response.status} without a reason.`;
  const failed = new Failure(code, message, response.status);
  if (response.status === 401) signedOut.listener(failed);
  return failed;
}

/** What a person reads of an error. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const thumbnail = (shot: string) => `/v1/shots/${encodeURIComponent(shot)}/thumbnail.jpg`;
export const clip = (shot: string) => `/v1/shots/${encodeURIComponent(shot)}/clip.mp4`;
