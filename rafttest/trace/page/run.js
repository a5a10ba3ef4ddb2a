"use strict";
// The run itself, indexed: who stood how after which event, and what became of each message. Nothing here changes
// after loading. Events are known by their position in the run, from 0 on; -1 stands for before the first.

const families = [
  { id: "vote", name: "Votes", types: ["MsgVote", "MsgVoteResp", "MsgHup"] },
  { id: "prevote", name: "Pre-votes", types: ["MsgPreVote", "MsgPreVoteResp"] },
  { id: "append", name: "Appends", types: ["MsgApp", "MsgAppResp"] },
  { id: "beat", name: "Heartbeats", types: ["MsgHeartbeat", "MsgHeartbeatResp", "MsgBeat"] },
  { id: "snap", name: "Snapshots", types: ["MsgSnap", "MsgSnapStatus"] },
  { id: "read", name: "Reads", types: ["MsgReadIndex", "MsgReadIndexResp"] },
  { id: "prop", name: "Proposals", types: ["MsgProp"] },
  { id: "other", name: "Other messages", types: [] },
];

const run = (() => {
  const data = JSON.parse(document.getElementById("trace").textContent);
  const events = data.events || [];
  const members = data.members || [];
  const familyByType = new Map(families.flatMap((f) => f.types.map((t) => [t, f.id])));
  const familyOf = (type) => familyByType.get(type) || "other";

  const packets = new Map(); // by ID: the packet, the event that sent it, whether it is a copy, and its fates
  events.forEach((e, i) => {
    for (const p of e.sent || []) {
      packets.set(p.id, { p, sent: i, copy: e.kind === "duplicate", family: familyOf(p.type), fates: [] });
    }
    const packet = e.packet && packets.get(e.packet);
    if (packet) packet.fates.push(i);
  });

  // One arrow for each arrival or loss of a packet, and one for a packet that is still on its way.
  const arrows = [];
  for (const packet of packets.values()) {
    const ends = packet.fates.filter((i) => events[i].kind !== "duplicate");
    if (ends.length === 0) arrows.push({ packet, to: -1, fate: "flying" });
    for (const to of ends) arrows.push({ packet, to, fate: events[to].kind === "lose" ? "lost" : "delivered" });
  }

  const history = new Map(members.map((m) => [m, { at: [], states: [] }]));
  const learn = (i, state) => {
    const h = state && history.get(state.id);
    if (!h) return;
    h.at.push(i);
    h.states.push(state);
  };
  for (const state of data.start || []) learn(-1, state);
  events.forEach((e, i) => learn(i, e.after));

  // position finds the last change of a member at or before event i; -1 if there is none.
  const position = (h, i) => {
    let low = 0, high = h.at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (h.at[middle] <= i) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  const stateAt = (member, i) => {
    const h = history.get(member);
    const n = h ? position(h, i) : -1;
    return n < 0 ? null : h.states[n];
  };

  const roleOf = (state) => (state.down ? "down" : state.role);
  const violation = data.violation || null;
  return {
    data, events, members, packets, arrows, history, stateAt, roleOf, familyOf, violation,
    concerned: new Set((violation && violation.members) || []),
    byNumber: new Map(events.map((e, i) => [e.n, i])),
    last: events.length - 1,
  };
})();

// termAt returns the term that a state's log has at an index: 0 if it has none there.
function termAt(state, index) {
  const snapshot = state.snapshot || { term: 0, first: 0 };
  if (index === snapshot.first) return snapshot.term;
  if (index < snapshot.first || index > state.last) return 0;
  let term = 0;
  for (const r of state.log || []) {
    if (r.first > index) break;
    term = r.term;
  }
  return term;
}

// stints are the times in which a member keeps role and term, and marks what is written beside its lane, each with the
// event that it begins with.
const lanes = new Map(run.members.map((m) => {
  const h = run.history.get(m);
  const stints = [], marks = [];
  let before = null;
  h.states.forEach((state, n) => {
    const at = h.at[n], role = run.roleOf(state);
    const fresh = !before || run.roleOf(before) !== role || before.term !== state.term;
    if (fresh) stints.push({ at, role, term: state.term });
    const mark = { at };
    if (!before || before.term !== state.term) mark.term = state.term;
    if (before && state.vote && (before.vote !== state.vote || before.term !== state.term)) mark.vote = state.vote;
    if (before && before.commit !== state.commit) mark.commit = state.commit;
    if (mark.term !== undefined || mark.vote || mark.commit !== undefined) marks.push(mark);
    before = state;
  });
  return [m, { stints, marks }];
}));

// turns are the events at which a member's role or term changes: these stay in sight whatever is hidden.
const turns = new Set([...lanes.values()].flatMap((lane) => lane.stints.map((s) => s.at)));

// escapeHTML makes a text safe within elements and attributes.
function escapeHTML(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(text ?? "").replace(/[&<>"']/g, (c) => names[c]);
}

// timeText writes microseconds in a unit that suits them.
function timeText(us) {
  if (us >= 1e6) return (us / 1e6).toFixed(3) + " s";
  if (us >= 1e3) return (us / 1e3).toFixed(2) + " ms";
  return us + " \u00b5s";
}

// hueOf gives neighbouring terms colours that are far apart.
function hueOf(term) {
  return Math.round((term * 137.508 + 75) % 360);
}
