// The members: a card for each, the headline, and the demo's controls.

const cards = new Map(); // by ID: the card's element and its fields

function cardOf(id) {
  let card = cards.get(id);
  if (card) return card;
  const node = $("member-card").content.firstElementChild.cloneNode(true);
  card = { node, f: {} };
  for (const field of node.querySelectorAll("[data-f]")) card.f[field.dataset.f] = field;
  const name = `member-${id}`;
  node.dataset.member = id;
  card.f.name.id = name;
  node.querySelector("article").setAttribute("aria-labelledby", name);
  setText(card.f.name, `Member ${id}`);
  setAttr(card.f.controls, "aria-label", `Controls of member ${id}`);
  for (const button of card.f.controls.children) button.addEventListener("click", () => press(button, id));
  cards.set(id, card);
  return card;
}

// kindOf puts what is known of a member into one word, which colours, shapes and texts follow.
function kindOf(member, leader) {
  const demo = stateInDemo(member.id);
  if (demo.state === "paused") return "paused";
  if (demo.state === "dead" || member.answers === false) return "gone";
  if (!member.status) return member.refused ? "refused" : "unknown";
  if (member.status.role === "leader" && member !== leader) return "old-leader";
  return member.status.role;
}

const words = {
  leader: "Leader", follower: "Follower", learner: "Learner", candidate: "Candidate", "pre-candidate": "Candidate",
  "old-leader": "Was leader", gone: "Gone", paused: "Paused", refused: "Refuses", unknown: "Asking",
};

const marks = { leader: "leader", gone: "gone", paused: "paused", learner: "learner", candidate: "candidate", "pre-candidate": "candidate" };

// seenBy is the leader's record of a member, null if nobody leads.
function seenBy(leader, id) {
  return leader ? leader.status.members.find((m) => m.id === id) || null : null;
}

function reachText(member, kind, seen) {
  const demo = stateInDemo(member.id);
  const address = member.url.replace(/^https?:\/\//, "");
  if (demo.state === "dead") return `${address}, killed`;
  if (kind === "paused") return `${address}, stopped in its tracks`;
  if (kind === "gone" && seen && seen.active) return `${address} does not answer this page, but the leader hears it`;
  if (kind === "gone") return `${address} does not answer`;
  if (kind === "refused") return `${address} asks for a token`;
  if (demo.partitioned) return `${address}, cut off from the others`;
  return address;
}

// scaleOf is the window of the log that the bars show: its newest entries, as few as still hold everybody's end.
function scaleOf(members) {
  const ends = members.filter((m) => m.status).map((m) => [m.status.applied, m.status.last]).flat();
  const high = Math.max(1, ...ends);
  const low = Math.min(high, ...ends);
  const span = roundUp(Math.max(20, (high - low) * 1.25));
  return { high, span: Math.min(span, Math.max(20, high)) };
}

function renderBar(card, status, scale) {
  const part = (index) => Math.min(1, Math.max(0.015, 1 - (scale.high - index) / scale.span));
  for (const name of ["last", "commit", "applied"]) card.f[`bar-${name}`].style.setProperty("--part", status ? part(status[name]).toFixed(4) : "0");
  setAttr(card.f.bar, "aria-label", status ? `Log up to ${status.last}, committed ${status.commit}, applied ${status.applied}` : "Nothing known");
}

function replicationText(member, kind, seen, leader) {
  if (kind === "leader") return "itself";
  if (member.status && member.status.receiving) return "receives snapshot";
  if (!leader || !seen) return "–";
  if (seen.state === "snapshot") return `snapshot, ${bytes(seen.snapshot_bytes || 0)}`;
  return seen.active === false ? `${seen.state}, silent` : seen.state;
}

function renderCard(member, leader, scale) {
  const card = cardOf(member.id);
  const { f, node } = card;
  const kind = kindOf(member, leader);
  const seen = seenBy(leader, member.id);
  const status = member.status;
  node.dataset.kind = kind;
  node.dataset.cut = String(stateInDemo(member.id).partitioned);
  setAttr(f.mark, "href", `#mark-${marks[kind] || "follower"}`);
  setText(f.badge, words[kind] || kind);
  setText(f.reach, reachText(member, kind, seen));
  for (const name of ["term", "last", "commit", "applied"]) setText(f[name], status ? whole(status[name]) : "–");
  setText(f.state, replicationText(member, kind, seen, leader));
  setText(f.lag, kind === "leader" ? "0" : seen && typeof seen.lag === "number" ? whole(seen.lag) : "–");
  renderBar(card, status, scale);
  renderControls(card, member, kind);
  return node;
}

function control(button, id, action, label, can) {
  button.dataset.action = action;
  setText(button, label);
  setAttr(button, "aria-label", `${label}: member ${id}`);
  if (!button.hasAttribute("aria-busy")) usable(button, can);
}

function renderControls(card, member, kind) {
  const { lead, life, pause, net } = card.f;
  const demo = model.demoMembers.get(member.id);
  for (const button of [life, pause, net]) button.hidden = !demo;
  const fit = kind !== "leader" && kind !== "learner" && kind !== "gone" && kind !== "paused" && leaderNow() !== null;
  control(lead, member.id, "lead", kind === "leader" ? "Leads" : "Make leader", fit && !stateInDemo(member.id).partitioned);
  if (!demo) return;
  const dead = demo.state === "dead";
  control(life, member.id, dead ? "restart" : "kill", dead ? "Restart" : "Kill", true);
  control(pause, member.id, demo.state === "paused" ? "resume" : "pause", demo.state === "paused" ? "Resume" : "Pause", !dead);
  control(net, member.id, demo.partitioned ? "heal" : "partition", demo.partitioned ? "Heal" : "Partition", true);
}

const done = { kill: "killed", restart: "started again", pause: "paused", resume: "goes on", partition: "cut off from the others", heal: "connected again" };

function press(button, id) {
  const action = button.dataset.action;
  if (!isUsable(button)) return;
  busyWhile(button, async () => {
    try {
      if (action === "lead") {
        const { leader, term } = await askJSON(model.home, "/cluster/leader", {
          method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id }),
        });
        toast(`Member ${leader} leads in term ${term}.`);
        return;
      }
      acceptDemo(await askDemo(`/demo/members/${id}/${action}`, "POST"));
      toast(`Member ${id}: ${done[action]}.`);
    } catch (error) {
      toast(`Member ${id}, ${button.textContent.toLowerCase()}: ${explain(error)}`, true);
    }
  }).then(renderMembers);
}

function addMember() {
  const id = Math.max(0, ...model.demoMembers.keys(), ...model.members.keys()) + 1;
  busyWhile($("add-member"), async () => {
    try {
      acceptDemo(await askDemo(`/demo/members/${id}/add`, "POST"));
      toast(`Member ${id} has joined.`);
    } catch (error) {
      toast(`Adding member ${id}: ${explain(error)}`, true);
    }
  });
}

function headline(members, leader) {
  const alive = members.filter((m) => m.answers && stateInDemo(m.id).state !== "paused").length;
  if (!model.everAnswered) return model.firstError ? `The member does not say how it is. ${model.firstError}` : "Asking the members how they are.";
  const everyone = { 1: "The only member answers.", 2: "Both members answer." }[members.length] || `All ${alive} members answer.`;
  const answers = alive === members.length ? everyone : `${alive} of ${members.length} members ${alive === 1 ? "answers" : "answer"}.`;
  if (leader) return `Member ${leader.id} leads. ${answers}`;
  const known = members.find((m) => m.status);
  const voters = known ? known.status.members.filter((m) => !m.learner).length : members.length;
  const quorum = Math.floor(voters / 2) + 1;
  return alive < quorum ? `No leader. ${answers} ${quorum} are needed.` : `No leader yet. ${answers}`;
}

function renderSummary(leader, members) {
  const best = leader || members.filter((m) => m.answers && m.status).sort((a, b) => b.status.applied - a.status.applied)[0];
  const status = best ? best.status : {};
  const newest = model.samples.at(-1) || {};
  setText($("sum-term"), whole(status.term));
  setText($("sum-rev"), whole(status.rev));
  setText($("sum-keys"), whole(status.keys));
  setText($("sum-writes"), typeof newest.writes === "number" ? `${brief(newest.writes)}/s` : "–");
  setText($("sum-reads"), typeof newest.reads === "number" ? `${brief(newest.reads)}/s` : "–");
  setText($("sum-log"), bytes(status.log_bytes));
}

function renderMembers() {
  const members = sortedMembers();
  const leader = leaderNow();
  setText($("headline"), headline(members, leader));
  renderSummary(leader, members);
  $("add-member").hidden = !model.demo || model.demoMembers.size === 0 || model.demoMembers.size >= 9;
  if (!members.length) return;
  const list = $("members");
  setAttr(list, "aria-busy", "false");
  for (const stale of list.querySelectorAll(".skeleton")) stale.remove();
  const scale = scaleOf(members);
  setText($("bar-scale"), `(newest ${count(scale.span, "entry", "entries")})`);
  for (const [id, card] of cards) {
    if (model.members.has(id)) continue;
    card.node.remove();
    cards.delete(id);
  }
  members.forEach((member, at) => {
    const node = renderCard(member, leader, scale);
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] || null);
  });
}
