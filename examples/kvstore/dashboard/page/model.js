// What the page knows of the cluster: it asks every member itself, once a second, and puts their answers together. Who
// does not answer is gone for this page, whatever the others believe of it.

const pollEvery = 1000;
const pollTimeout = 2500;
const samplesKept = 120; // two minutes

const model = {
  members: new Map(), // by ID: see newMember
  demo: null,         // base URL of the demo's controls
  demoMembers: new Map(),
  home: null,         // base URL of the member that serves keys and events
  homeId: 0,
  reigns: new Map(),  // by term: {leader, at}
  gaps: [],           // times without a leader: {from, to}, to null while it lasts
  samples: [],        // {at, writes, reads, put50, put99, get99}
  everAnswered: false,
  listeners: new Set(),
};

// changed has the page drawn anew, at most once a frame.
let changePending = false;
function changed() {
  if (changePending) return;
  changePending = true;
  setTimeout(() => {
    changePending = false;
    for (const listener of model.listeners) listener();
  }, 50);
}

// newMember is what is kept of a member: status is its last answer, and stays when it is gone.
function newMember(id, url) {
  return { id, url, status: null, answers: null, refused: false, late: 0, rates: null, polling: false };
}

function knowMember(id, url) {
  let member = model.members.get(id);
  if (!member) {
    member = newMember(id, url);
    model.members.set(id, member);
  }
  if (url && member.url !== url && !(member.id === model.homeId && member.url === location.origin)) member.url = url;
  if (!member.polling) pollMember(member);
  return member;
}

async function pollMember(member) {
  member.polling = true;
  while (model.members.get(member.id) === member) {
    await shown();
    const begin = performance.now();
    await pollOnce(member);
    changed();
    await sleep(Math.max(100, pollEvery - (performance.now() - begin)));
  }
}

async function pollOnce(member) {
  try {
    const response = await ask(member.url, "/cluster", { timeout: pollTimeout });
    member.refused = response.status === 401 || response.status === 403;
    accept(member, await (await must(response)).json());
  } catch (error) {
    // An answer that is an error is an answer. One that does not come in time may be late: it counts when it is missed twice.
    member.late = error.name === "TimeoutError" ? member.late + 1 : 0;
    if (member.late !== 1 || member.answers === null) member.answers = error instanceof ApiError && error.status < 500;
    member.rates = null;
  }
  chooseHome();
}

function accept(member, status) {
  const before = member.status;
  if (typeof status.id !== "number" || !Array.isArray(status.members)) throw new Error("not the status of a member");
  member.rates = rates(before, status);
  member.status = status;
  member.answers = true;
  member.late = 0;
  model.everAnswered = true;
  remember(status);
  if (typeof status.demo === "string" && /^https?:\/\//.test(status.demo) && !model.demo) {
    model.demo = status.demo.replace(/\/$/, "");
    pollDemo();
  }
  for (const other of status.members) if (other.id !== status.id) knowMember(other.id, other.url);
  forget();
}

// rates are requests a second between two answers, by the member's own clock. It has none after a restart.
function rates(before, after) {
  const seconds = before ? after.uptime - before.uptime : 0;
  if (seconds <= 0 || !before.totals || !after.totals) return null;
  const per = (...names) => names.reduce((sum, name) => sum + Math.max(0, (after.totals[name] || 0) - (before.totals[name] || 0)), 0) / seconds;
  return { writes: per("puts", "deletes", "txns"), reads: per("gets", "lists") };
}

// remember keeps when each term's leader was first seen by any member, by this page's clock.
function remember(status) {
  const skew = Date.parse(status.time) - Date.now() || 0;
  for (const { time, term, leader } of status.history || []) {
    if (!leader) continue;
    const at = Date.parse(time) - skew;
    const known = model.reigns.get(term);
    if (!known || at < known.at - 1000) model.reigns.set(term, { leader, at });
  }
}

// forget drops members that the leader no longer counts among the members.
function forget() {
  const leader = leaderNow();
  if (!leader) return;
  const ids = new Set(leader.status.members.map((m) => m.id));
  for (const id of model.members.keys()) if (!ids.has(id)) model.members.delete(id);
}

// leaderNow is the answering member that leads in the highest term: one that is cut off may still believe that it leads.
function leaderNow() {
  let leader = null;
  for (const member of model.members.values()) {
    if (!member.answers || !member.status || member.status.role !== "leader") continue;
    if (!leader || member.status.term > leader.status.term) leader = member;
  }
  return leader;
}

const sortedMembers = () => [...model.members.values()].sort((a, b) => a.id - b.id);

// chooseHome stays with the member that serves this page's keys and events as long as it answers.
function chooseHome() {
  const current = model.members.get(model.homeId);
  if (current && current.answers !== false) return;
  const next = sortedMembers().find((m) => m.answers && !stateInDemo(m.id).partitioned) || sortedMembers().find((m) => m.answers);
  if (!next) return;
  model.homeId = next.id;
  model.home = next.url;
  changed();
}

const stateInDemo = (id) => model.demoMembers.get(id) || { state: "", partitioned: false };

async function pollDemo() {
  for (;;) {
    await shown();
    try {
      acceptDemo(await askDemo("/demo"));
    } catch {
      model.demoMembers = new Map();
    }
    changed();
    await sleep(pollEvery);
  }
}

function acceptDemo({ members }) {
  model.demoMembers = new Map(members.map((m) => [m.id, m]));
  changed();
}

// askDemo never sends the token: it is for members only.
async function askDemo(path, method = "GET") {
  const headers = method === "POST" ? { "X-Kvstore-Demo": "1" } : {};
  const response = await fetch(model.demo + path, { method, headers, cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(75000) });
  return (await must(response)).json();
}

// takeSamples runs once a second and notes what the plots show, and whether there is a leader.
function takeSamples() {
  if (document.hidden || !model.everAnswered) return;
  const at = Date.now();
  const living = sortedMembers().filter((m) => m.answers && m.status);
  const sum = (name) => (living.some((m) => m.rates) ? living.reduce((total, m) => total + (m.rates ? m.rates[name] : 0), 0) : null);
  model.samples.push({
    at, writes: sum("writes"), reads: sum("reads"),
    put50: typical(living, "put"), put99: worst(living, "put", "p99"), get99: worst(living, "get", "p99"),
  });
  while (model.samples.length > samplesKept) model.samples.shift();
  noteGap(at, leaderNow() !== null);
  changed();
}

const measured = (living, kind) => living.map((m) => (m.status.latency_ms || {})[kind]).filter((l) => l && l.count > 0);

function worst(living, kind, which) {
  const all = measured(living, kind);
  return all.length ? Math.max(...all.map((l) => l[which])) : null;
}

// typical weighs the members' medians by how many requests each has served.
function typical(living, kind) {
  const all = measured(living, kind);
  const total = all.reduce((n, l) => n + l.count, 0);
  return total ? all.reduce((sum, l) => sum + l.p50 * l.count, 0) / total : null;
}

function noteGap(at, led) {
  const open = model.gaps.at(-1);
  const lasting = open && open.to === null;
  if (!led && !lasting) model.gaps.push({ from: at, to: null });
  if (led && lasting) open.to = at;
  while (model.gaps.length > 100) model.gaps.shift();
}

// begin asks the member that has sent this page who it is, and goes on from there. If it cannot be reached at the
// beginning, it is asked again: no other address is known.
async function begin() {
  for (;;) {
    await shown();
    try {
      const status = await askJSON(location.origin, "/cluster", { timeout: pollTimeout });
      model.homeId = status.id;
      model.home = location.origin;
      const member = newMember(status.id, location.origin);
      model.members.set(status.id, member);
      accept(member, status);
      pollMember(member);
      setInterval(takeSamples, pollEvery);
      return changed();
    } catch (error) {
      model.firstError = explain(error);
      changed();
    }
    await sleep(pollEvery);
  }
}
