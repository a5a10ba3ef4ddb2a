// Requests to members and to the demo's controls, as API.md describes them.

const access = {
  token: sessionStorage.getItem("kvstore-token") || "",
  wanted: () => {}, // called when a member asks for a token
};

class ApiError extends Error {
  constructor(status, code, message, body) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

// ask makes a request and returns the response, whatever its status. It rejects when there is no answer in time.
async function ask(base, path, { method = "GET", headers = {}, body, timeout = 12000, signal } = {}) {
  const all = { ...headers };
  if (access.token) all.Authorization = `Bearer ${access.token}`;
  const limits = [signal, timeout ? AbortSignal.timeout(timeout) : null].filter(Boolean);
  return fetch(base + path, { method, headers: all, body, signal: AbortSignal.any(limits), cache: "no-store", credentials: "omit", redirect: "error" });
}

// must returns the response if its status is 2xx, and else throws what the member says.
async function must(response) {
  if (response.ok) return response;
  if (response.status === 401) access.wanted();
  let body = null;
  try { body = await response.json(); } catch { /* not every failure has a body in JSON */ }
  const error = (body && body.error) || {};
  throw new ApiError(response.status, error.code || "", error.message || `status ${response.status}`, body);
}

const askJSON = async (base, path, options) => (await must(await ask(base, path, options))).json();

// explain says in words what went wrong.
function explain(error) {
  if (error instanceof ApiError) return error.message;
  if (error.name === "TimeoutError") return "No answer in time.";
  return "No answer: the member cannot be reached.";
}

// percent encodes a key, given as a string or as bytes, for a URL.
function percent(key) {
  if (typeof key === "string") return encodeURIComponent(key.toWellFormed());
  return Array.from(key, (byte) => "%" + byte.toString(16).padStart(2, "0")).join("");
}

const keyPath = (key) => "/kv/" + percent(key);

// listPage reads a page of keys after one, which may be null. The page's next is a string, bytes, or null if it is the last.
async function listPage(base, { prefix, consistency, limit, after, keysOnly }) {
  const query = new URLSearchParams({ prefix: prefix.toWellFormed(), limit, consistency });
  if (keysOnly) query.set("keys_only", "true");
  const page = await askJSON(base, `/kv?${query}${after === null ? "" : `&after=${percent(after)}`}`);
  const next = page.next64 === undefined ? page.next || null : fromBase64(page.next64);
  return { rev: page.rev, items: page.items, next: page.more && page.items.length > 0 ? next : null };
}

// A browser takes the paths /kv/. and /kv/.. for others, however they are encoded: those two keys go through a transaction.
const isDots = (key) => key === "." || key === "..";

async function viaTransaction(base, compare, operation) {
  const answer = await askJSON(base, "/txn", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ compare, then: [operation], else: [] }),
  });
  if (!answer.succeeded) throw new ApiError(412, "precondition_failed", "the key has changed meanwhile", answer);
  return answer.results[0];
}

// getKey returns {bytes, rev}, or null if there is no such key.
async function getKey(base, key, consistency) {
  if (isDots(key)) {
    const { get } = await viaTransaction(base, [], { get: { key } });
    if (!get.exists) return null;
    return { bytes: get.base64 ? fromBase64(get.value) : new TextEncoder().encode(get.value), rev: get.rev };
  }
  const response = await ask(base, `${keyPath(key)}?consistency=${consistency}`);
  if (response.status === 404) return null;
  await must(response);
  return { bytes: new Uint8Array(await response.arrayBuffer()), rev: Number((response.headers.get("ETag") || "").replaceAll('"', "")) };
}

// putKey writes a value if the key still has the revision; 0 means that there must be no such key yet.
async function putKey(base, key, value, rev) {
  if (isDots(key)) return (await viaTransaction(base, [{ key, target: "rev", op: "=", rev }], { put: { key, value } })).put;
  const condition = rev ? { "If-Match": `"${rev}"` } : { "If-None-Match": "*" };
  const headers = { "Content-Type": "application/octet-stream", "Idempotency-Key": crypto.randomUUID ? crypto.randomUUID() : String(Math.random()), ...condition };
  return askJSON(base, keyPath(key), { method: "PUT", headers, body: value });
}

async function deleteKey(base, key, rev) {
  if (isDots(key)) return (await viaTransaction(base, [{ key, target: "rev", op: "=", rev }], { delete: { key } })).delete;
  return askJSON(base, keyPath(key), { method: "DELETE", headers: { "If-Match": `"${rev}"` } });
}

const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// readEvents reads a stream of server-sent events until it ends: with fetch rather than EventSource, since that can
// send the token in a header and tells the status of a refusal.
async function readEvents(base, path, { signal, lastId, onOpen, onEvent }) {
  const headers = { Accept: "text/event-stream" };
  if (lastId) headers["Last-Event-ID"] = lastId;
  const response = await must(await ask(base, path, { headers, signal, timeout: 0 }));
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser(onEvent);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// longest is how much is kept of a line and of the data of an event, in characters. An event can have more than 25 million, since
// a value has up to 4 MiB and each of its bytes may be escaped; the page shows a few of them.
const longest = 1 << 20;

// EventParser calls onEvent(name, data, id, whole) for each event; whole is false if there is only the beginning of its data.
class EventParser {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.begin();
    this.clear();
  }
  begin() { this.rest = ""; this.whole = true; }
  clear() { this.event = { name: "message", data: [], size: 0, whole: true, id: undefined }; }
  push(text) {
    for (let from = 0; ;) {
      const end = text.indexOf("\n", from);
      this.keep(text.slice(from, end < 0 ? text.length : end));
      if (end < 0) return;
      this.line(this.rest.endsWith("\r") ? this.rest.slice(0, -1) : this.rest);
      this.begin();
      from = end + 1;
    }
  }
  keep(part) {
    const room = longest - this.rest.length;
    this.rest += part.length > room ? part.slice(0, room) : part;
    this.whole &&= part.length <= room;
  }
  line(line) {
    if (line === "") {
      const { name, data, id, whole } = this.event;
      this.clear();
      if (data.length) this.onEvent(name, data.join("\n"), id, whole);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event.name = value;
    else if (field === "data") this.data(value);
    else if (field === "id") this.event.id = value;
  }
  data(value) {
    const { event } = this;
    if (!event.whole) return;
    const room = Math.max(0, longest - event.size);
    event.whole = this.whole && value.length <= room;
    event.data.push(value.slice(0, room));
    event.size += value.length + 1;
  }
}
