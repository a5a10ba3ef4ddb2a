"use strict";
// What the reader does: keys, clicks, chips, the search, printing. And how it all begins.

const byId = (id) => document.getElementById(id);

// verdict says at the top what was violated, with the evidence.
function drawVerdict() {
  const element = byId("verdict"), v = run.violation;
  element.className = v ? "violated" : "held";
  if (!v) {
    element.innerHTML = "<p><b>All properties held.</b></p>";
    return;
  }
  const who = (v.members || []).map((m) => `<span class="who">${m}</span>`).join("");
  const open = window.innerWidth > 700 && window.innerHeight > 700 && (v.evidence || []).length <= 8 ? " open" : "";
  const evidence = (v.evidence || []).map((line) => `<li>${panel.linked(line)}</li>`).join("");
  element.innerHTML = `<p class="property"><b>\u2717 ${escapeHTML(v.property)}</b>${who ? `<span class="members">members ${who}</span>` : ""}` +
    `<a href="#end" id="to-end">go to the end</a></p><p>${panel.linked(v.detail)}</p>` +
    (evidence ? `<details${open}><summary>Evidence</summary><ul>${evidence}</ul></details>` : "");
}

function drawFacts() {
  const last = run.events[run.last];
  const faults = run.events.filter((e) => e.fault).length;
  const many = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
  const facts = [many(run.events.length, "event"), many(run.members.length, "member"), many(run.packets.size, "message"),
    many(faults, "fault")];
  if (last && last.time) facts.push(timeText(last.time));
  byId("facts").textContent = facts.join(" \u00b7 ");
}

// chips lists what can be hidden, with how many there are; those of messages are also the legend of the colours.
function drawChips() {
  const count = new Map();
  const add = (id) => count.set(id, (count.get(id) || 0) + 1);
  for (const packet of run.packets.values()) add(packet.family);
  for (const e of run.events) {
    add(rows.groupOfEvent(e));
    if (rows.idle(e)) add("idle");
  }
  const all = [...families.map((f) => ({ ...f, cls: "f-" + f.id })), ...groups, { id: "idle", name: "Idle" }];
  byId("chips").innerHTML = all.filter((c) => count.get(c.id)).map((c) =>
    `<button class="chip ${c.cls || "plain"}" data-chip="${c.id}" aria-pressed="${!rows.hidden.has(c.id)}">` +
    `<i></i>${c.name} <small>${count.get(c.id)}</small></button>`).join("") +
    `<button class="chip plain" data-only aria-pressed="${rows.only}" hidden>Only what is found</button>`;
}

function drawLegend() {
  const roles = ["follower", "pre-candidate", "candidate", "leader", "down"];
  const arrow = (cls, inner) => `<svg width="64" height="16"><g class="arrow f-append ${cls}">${inner}</g></svg>`;
  const shaft = (to) => `<line class="shaft" x1="2" y1="8" x2="${to}" y2="8"/>`;
  const head = '<polygon class="head" points="60,8 51,4 51,12"/>';
  const arrows = [
    [arrow("", shaft(54) + head), "a message, from where it left to where it arrived"],
    [arrow("reject", shaft(54) + head + '<line class="bar" x1="46" y1="2" x2="46" y2="14"/>'), "a refusal"],
    [arrow("copy", shaft(54) + head), "a copy made by the network"],
    [arrow("lost", shaft(40) + '<path class="cross" d="M36 4l8 8m0 -8l-8 8"/>'), "lost"],
    [arrow("flying", shaft(24) + '<circle class="open" cx="27" cy="8" r="3"/>'), "still on its way at the end"],
  ];
  const keys = [
    ["\u2191 \u2193 \u2190 \u2192", "one event back or on; with Shift, of the same member"],
    ["Home End", "first event, last event"], ["Page Up, Page Down", "twenty events"],
    ["f F", "next fault, previous fault"], ["/", "search: a member's number, a type, #event"],
    ["n N", "next found, previous found"], ["+ \u2212 0", "larger, smaller, the whole run"], ["Esc", "end the search"],
  ];
  byId("legend").innerHTML = `<form method="dialog"><button aria-label="Close">\u00d7</button></form><h2>Legend</h2>` +
    `<ul class="roles">${roles.map((r) => `<li><i class="swatch ${r}"></i>${r}</li>`).join("")}</ul>` +
    `<p>Beside a lane: <b>t3</b> term 3 begins, <b>votes 2</b> or <b>v2</b> a vote for member 2, <b>c7</b> committed up to index 7.</p>` +
    `<table>${arrows.map(([a, b]) => `<tr><td>${a}</td><td>${b}</td></tr>`).join("")}</table>` +
    `<p>On a lane: &#9671; request, &#9679; delivery, &#9633; storage, &#9675; tick, &#10005; crash, &#9651; start.</p>` +
    `<h2>Keys</h2><table>${keys.map(([a, b]) => `<tr><td><kbd>${a}</kbd></td><td>${b}</td></tr>`).join("")}</table>`;
}

// searchFor marks what is found, and goes to the first event found from the selected one on.
function searchFor(query) {
  rows.search(query);
  const found = rows.matches;
  byId("found").textContent = found ? `${found.size} found` : "";
  const only = document.querySelector("[data-only]");
  only.hidden = !found;
  if (!found) rows.only = false;
  only.setAttribute("aria-pressed", rows.only);
  view.rearrange();
}

function endSearch() {
  byId("search").value = "";
  searchFor("");
  view.scroller.focus();
}

function onKey(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || byId("legend").open) return;
  if (e.target === byId("search")) {
    if (e.key === "Escape") endSearch();
    if (e.key === "Enter") view.along(e.shiftKey ? -1 : 1, found);
    return;
  }
  const member = (run.events[view.chosen.event] || {}).member;
  const same = (i) => run.events[i].member === member;
  const fault = (i) => run.events[i].fault;
  const go = (by) => (e.shiftKey ? view.along(by, same) : view.step(by));
  const actions = {
    ArrowDown: () => go(1), ArrowRight: () => go(1), ArrowUp: () => go(-1), ArrowLeft: () => go(-1),
    j: () => go(1), k: () => go(-1),
    Home: () => view.step(-Infinity), End: () => view.step(Infinity),
    PageDown: () => view.step(20), PageUp: () => view.step(-20),
    f: () => view.along(1, fault), F: () => view.along(-1, fault),
    n: () => view.along(1, found), N: () => view.along(-1, found),
    "+": view.larger, "=": view.larger, "-": view.smaller, 0: view.fit,
    "/": () => byId("search").focus(), "?": () => byId("legend").showModal(), Escape: endSearch,
  };
  const action = actions[e.key];
  if (!action) return;
  e.preventDefault();
  action();
}

const found = (i) => Boolean(rows.matches && rows.matches.has(i));

// choosePacket selects a message, with the event that it arrived in if there is one.
function choosePacket(id) {
  const packet = run.packets.get(id);
  const to = packet.fates.length ? packet.fates[packet.fates.length - 1] : packet.sent;
  view.choose(to, id);
}

function onDiagramClick(e) {
  const arrow = e.target.closest("[data-packet]");
  if (arrow) return choosePacket(Number(arrow.dataset.packet));
  const i = view.eventAt(e.clientY - view.svg.getBoundingClientRect().top);
  if (i !== undefined) view.choose(i);
}

// onLink follows the links to events and messages, wherever they are.
function onLink(e) {
  const link = e.target.closest("a[data-event], .message[data-packet], #to-end");
  if (!link) return;
  e.preventDefault();
  if (link.id === "to-end") view.choose(run.last);
  else if (link.dataset.event) view.choose(Number(link.dataset.event));
  else view.choose(view.chosen.event, Number(link.dataset.packet));
}

function onChip(e) {
  const chip = e.target.closest(".chip");
  if (!chip) return;
  if ("only" in chip.dataset) {
    rows.only = !rows.only;
  } else if (!rows.hidden.delete(chip.dataset.chip)) {
    rows.hidden.add(chip.dataset.chip);
  }
  const on = "only" in chip.dataset ? rows.only : !rows.hidden.has(chip.dataset.chip);
  chip.setAttribute("aria-pressed", on);
  view.rearrange();
}

// printRun lays out for paper what is shown: of a long run, the part that ends a little after the selected event.
function printRun() {
  const most = 1200, piece = 36;
  for (const more of document.querySelectorAll("#verdict details")) more.open = true;
  view.zoom = 18;
  diagram.fit(980, 18);
  const end = Math.min(rows.list.length, Math.ceil(rows.placeOf(view.chosen.event)) + most / 4);
  const from = Math.max(0, end - most), parts = [];
  for (let r = from; r < end; r += piece) {
    const to = Math.min(end, r + piece), height = (to - r) * 18 + (to === rows.list.length ? 30 : 0);
    parts.push(`<svg viewBox="0 ${r * 18} ${diagram.geometry.width} ${height}">` +
      diagram.draw(r, to, { event: -1, packet: 0 }) + "</svg>");
  }
  const names = run.members.map((m) => `<span style="left:${diagram.laneX(m) / 9.8}%">${m}</span>`).join("");
  const left = end - from < rows.list.length ? `<p>Events in rows ${from + 1} to ${end} of ${rows.list.length}.</p>` : "";
  byId("paper").innerHTML = `${left}<div class="names">${names}</div>${parts.join("")}` +
    `<section>${panel.state(run.last)}</section>`;
}

function afterPrint() {
  byId("paper").innerHTML = "";
  view.setZoom(24);
}

function begin() {
  drawVerdict();
  drawFacts();
  drawChips();
  drawLegend();
  view.redraw();
  const wanted = run.byNumber.get(Number(location.hash.slice(1)));
  view.choose(wanted === undefined ? view.chosen.event : wanted);

  view.scroller.addEventListener("scroll", view.scrolled, { passive: true });
  view.svg.addEventListener("click", onDiagramClick);
  overview.onPoint(view.scrollToFraction);
  new ResizeObserver(() => requestAnimationFrame(() => view.setZoom(view.zoom))).observe(view.scroller);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onLink);
  byId("chips").addEventListener("click", onChip);
  byId("search").addEventListener("input", (e) => searchFor(e.target.value));
  byId("heads").addEventListener("click", (e) => {
    const head = e.target.closest(".head");
    if (!head) return;
    const query = byId("search").value === head.dataset.member ? "" : head.dataset.member;
    byId("search").value = query;
    searchFor(query);
  });
  byId("in").addEventListener("click", view.larger);
  byId("out").addEventListener("click", view.smaller);
  byId("fit").addEventListener("click", view.fit);
  byId("help").addEventListener("click", () => byId("legend").showModal());
  window.addEventListener("beforeprint", printRun);
  window.addEventListener("afterprint", afterPrint);
  window.addEventListener("hashchange", () => {
    const i = run.byNumber.get(Number(location.hash.slice(1)));
    if (i !== undefined) view.choose(i);
  });
  view.scroller.focus({ preventScroll: true });
}

begin();
