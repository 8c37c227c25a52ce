// Talks to the server: requests with the token if there is one, and errors in the server's own words.
// Never touches the page.

const KEY = "host-token";
const PATIENCE = 20_000;

/** An answer that is an error: its status, and the server's text. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** No answer at all. */
export class Away extends Error {}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const setToken = (token) => sessionStorage.setItem(KEY, token);

/** Sends a request and returns the answer's JSON; null where it has none. */
export async function ask(path, { method = "GET", body, patience = PATIENCE } = {}) {
  const answer = await send(path, method, body, AbortSignal.timeout(patience));
  return answer.status === 204 ? null : answer.json();
}

/** Fetches a file that a plain link could not get, since a link carries no token. */
export async function download(path) {
  return (await send(path, "GET")).blob();
}

async function send(path, method, body, signal) {
  const headers = {};
  if (hasToken()) headers.Authorization = `Bearer ${sessionStorage.getItem(KEY)}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request = { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" };
  const answer = await fetch(path, request).catch((problem) => {
    throw new Away("the server does not answer", { cause: problem });
  });
  if (answer.ok) return answer;
  throw new Refused(answer.status, await reason(answer));
}

async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).detail ?? text;
  } catch {
    return text || `the server answered ${answer.status} ${answer.statusText}`;
  }
}

/** Listens to the events of a sweep until it ends; `lost` is called where the server does not let it. */
export function listen(id, events, lost) {
  const source = new EventSource(`/sweeps/${id}/events`);
  for (const [name, take] of Object.entries(events)) {
    source.addEventListener(name, (event) => {
      if (name === "end") source.close();
      take(JSON.parse(event.data));
    });
  }
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && lost());
  return source;
}
