// Live events: what the members say about themselves (/events), and the changes of keys (/watch). Both streams follow the
// member that the page uses, and go on with another when that is gone; the watch goes on after the last change seen.

const feedLength = 100;
const burst = 12; // changes shown one by one in a quarter of a second; more are counted

// A Stream is kept open to the home member, with a pause between two attempts. path() and lastId() are asked anew for each.
class Stream {
  constructor({ path, lastId, onEvent, onState, onLost }) {
    Object.assign(this, { path, lastId, onEvent, onState, onLost, controller: null, base: null, wake: () => {} });
    this.run();
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.cut(); });
  }

  // cut ends the connection, and the pause after it; the loop opens the next one.
  cut() {
    if (this.controller) this.controller.abort();
    this.wake();
  }

  // follow goes over to another member if the page has.
  follow() { if (this.base !== model.home) this.cut(); }

  async run() {
    for (;;) {
      await shown();
      const pause = new Promise((resolve) => { this.wake = resolve; });
      if (model.home) await this.connect();
      this.onState(false);
      await Promise.race([pause, sleep(1000)]);
    }
  }

  async connect() {
    this.controller = new AbortController();
    this.base = model.home;
    try {
      await readEvents(this.base, this.path(), {
        signal: this.controller.signal, lastId: this.lastId(), onOpen: () => this.onState(true), onEvent: this.onEvent,
      });
    } catch (error) {
      if (error instanceof ApiError && error.status === 410) this.onLost();
    }
  }
}

const line = (at, ...content) => make("li", { "data-at": at }, make("time", { text: clock(at) }), make("span", {}, ...content));

// addLine puts a line into a feed, whose newest lines are at the top. Whoever has scrolled down keeps what they read in place.
function addLine(feed, item) {
  const list = $(feed);
  const at = list.scrollTop;
  const older = [...list.children].find((other) => Number(other.dataset.at) <= Number(item.dataset.at));
  list.insertBefore(item, older || null);
  while (list.children.length > feedLength) list.lastChild.remove();
  if (at > 0) list.scrollTop = at + item.offsetHeight;
  $(`${feed}-empty`).hidden = true;
}

// A member sends the lines that it keeps, and then new ones. seen remembers for each member up to which it has sent them.
const logs = { seen: new Map(), texts: new Set() };

function onLog(name, data, id) {
  if (name !== "log") return;
  if (id) logs.seen.set(logStream.base, id);
  try {
    const { time, text } = JSON.parse(data);
    addEvent(Date.parse(time) || Date.now(), `Member ${model.homeId}: ${cut(String(text), 300)}`);
  } catch { /* a line that is not JSON says nothing */ }
}

// addEvent leaves out what is in the feed already, within the second.
function addEvent(at, text) {
  const key = `${clock(at)} ${text}`;
  if (logs.texts.has(key)) return;
  if (logs.texts.size > 1000) logs.texts.clear();
  logs.texts.add(key);
  addLine("events", line(at, text));
}

// What this page sees for itself: a member that is gone cannot tell.
const reach = new Map();

function noteReach() {
  for (const member of sortedMembers()) {
    const before = reach.get(member.id);
    if (member.answers === null || before === member.answers) continue;
    reach.set(member.id, member.answers);
    if (before !== undefined) addEvent(Date.now(), `Member ${member.id} ${member.answers ? "answers again." : "does not answer any more."}`);
  }
}

// writes is where the watch has got to, and what waits to be shown: lastId is the id of the last change seen; before the
// first, from is the revision to begin with, 0 for whatever comes.
const writes = { waiting: [], held: false, lastId: "", from: 0 };

function watchPath() {
  const query = new URLSearchParams({ prefix: $("prefix").value.toWellFormed() });
  if (!writes.lastId && !writes.from) writes.from = revisionKnown() + 1;
  if (!writes.lastId && writes.from > 1) query.set("from", writes.from);
  return `/watch?${query}`;
}

// revisionKnown is the newest revision that any member has told of: what came until then, the list shows.
const revisionKnown = () => Math.max(0, ...sortedMembers().map((m) => (m.status && m.status.rev) || 0));

// lostChanges begins anew after a gap in what is watched.
function lostChanges() {
  Object.assign(writes, { lastId: "", from: 0 });
  writes.waiting.push({ note: "Some changes were too old to be shown." });
  reloadKeys();
}

// endOfChanges takes the error that ends a stream, which begins again after the last change unless that is no longer kept.
function endOfChanges(data) {
  if (JSON.parse(data).error.code === "compacted") lostChanges();
}

// opening is what comes first in the data of a change whose value is too long for the page.
function opening(data) {
  const found = /^\{"rev":(\d+),"key(64)?":("(?:[^"\\]|\\.)*")/.exec(data.slice(0, 1 << 15));
  return { rev: Number(found[1]), [`key${found[2] || ""}`]: JSON.parse(found[3]), long: true };
}

// onWrite takes a change. One that cannot be read is passed over as well, so that the stream does not begin with it again.
function onWrite(name, data, id, whole) {
  if (name === "error") return endOfChanges(data);
  const first = !writes.lastId;
  if (id) writes.lastId = id;
  try {
    const event = whole ? JSON.parse(data) : opening(data);
    if (name === "progress" && first) writes.from = event.rev + 1;
    if (name !== "put" && name !== "delete") return;
    if (name === "delete") forgetValue(event);
    const preview = name === "put" ? learnValue(event) : null;
    writes.waiting.push({ name, at: Date.now(), key: event.key, key64: event.key64, preview });
  } catch {
    writes.waiting.push({ note: "A change could not be read." });
  }
  if (writes.waiting.length > 5000) writes.waiting.splice(0, 2500);
  reloadKeys();
}

function showWrites() {
  if (writes.held || !writes.waiting.length) return;
  const waiting = writes.waiting.splice(0);
  const passed = waiting.length - burst;
  if (passed > 0) addLine("writes", line(waiting[0].at || Date.now(), make("em", { class: "odd", text: `${count(passed, "change")} before these` })));
  for (const write of waiting.slice(-burst)) addLine("writes", writeLine(write));
}

function writeLine(write) {
  if (write.note) return line(Date.now(), make("em", { class: "odd", text: write.note }));
  const key = cut(writtenKey(nameOf(write)), 80);
  const what = make("span", { class: "what" }, make("span", { class: "verb", text: write.name === "put" ? "set " : "deleted " }), key);
  if (write.preview) what.append(" = ", previewNode({ ...write.preview, text: cut(write.preview.text, 60) }));
  return line(write.at, what);
}

let watchStream = null;
let logStream = null;

// restartWatch begins to watch another prefix, from now on.
function restartWatch() {
  if (!watchStream) return;
  Object.assign(writes, { lastId: "", from: 0 });
  watchStream.cut();
}

function setUpEvents() {
  logStream = new Stream({
    path: () => "/events", lastId: () => logs.seen.get(model.home) || "", onEvent: onLog, onLost: () => {},
    onState: (open) => setText($("events-state"), open ? `of member ${model.homeId}` : "not connected"),
  });
  watchStream = new Stream({
    path: watchPath, lastId: () => writes.lastId, onEvent: onWrite, onLost: lostChanges, onState: () => {},
  });
  setInterval(showWrites, 250);
  model.listeners.add(noteReach);
  // What the feed holds when the page is opened is not read out, only what comes then.
  setTimeout(() => setAttr($("events"), "aria-live", "polite"), 4000);
  $("writes-pause").addEventListener("click", () => {
    writes.held = !writes.held;
    setAttr($("writes-pause"), "aria-pressed", String(writes.held));
    setText($("writes-pause"), writes.held ? "Held still" : "Hold still");
  });
}
