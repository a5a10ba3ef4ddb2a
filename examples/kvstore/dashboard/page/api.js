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

// keyPath percent-encodes a key, given as a string or as bytes, for the path of a URL.
function keyPath(key) {
  if (typeof key === "string") return "/kv/" + encodeURIComponent(key.toWellFormed());
  return "/kv/" + Array.from(key, (byte) => "%" + byte.toString(16).padStart(2, "0")).join("");
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

// maxPending bounds what is kept of an event that does not end, in characters.
const maxPending = 16 << 20;

class EventParser {
  constructor(onEvent) {
    this.onEvent = onEvent;
    this.rest = "";
    this.clear();
  }
  clear() { this.event = { name: "message", data: [], id: undefined }; }
  push(text) {
    this.rest += text;
    if (this.rest.length > maxPending) throw new Error("an event is too long");
    const lines = this.rest.split("\n");
    this.rest = lines.pop();
    for (const line of lines) this.line(line.endsWith("\r") ? line.slice(0, -1) : line);
  }
  line(line) {
    if (line === "") {
      const { name, data, id } = this.event;
      this.clear();
      if (data.length) this.onEvent(name, data.join("\n"), id);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event.name = value;
    else if (field === "data") this.event.data.push(value);
    else if (field === "id") this.event.id = value;
  }
}
