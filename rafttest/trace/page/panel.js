"use strict";
// The panel: all that is known of the selected event and message, and how every member stood afterwards.

const panel = (() => {
  const element = document.getElementById("panel");

  const eventLink = (i) => `<a href="#${run.events[i].n}" data-event="${i}">${run.events[i].n}</a>`;

  // linked turns "event 12" in a text into a link to it.
  const linked = (content) => escapeHTML(content).replace(/\b(events? )(\d+)/g, (whole, word, n) =>
    run.byNumber.has(Number(n)) ? `${word}<a href="#${n}" data-event="${run.byNumber.get(Number(n))}">${n}</a>` : whole);

  const fateText = (packet) => {
    if (packet.fates.length === 0) return "still on its way at the end";
    const words = { deliver: "delivered", lose: "lost", duplicate: "doubled" };
    return packet.fates.map((i) => `${words[run.events[i].kind] || run.events[i].kind} at ${eventLink(i)}`).join(", ");
  };

  const message = (packet, chosen) => {
    const { p, copy, family, sent } = packet;
    const notes = [copy && "a copy made by the network", p.reject && "a refusal"].filter(Boolean);
    return `<div class="message f-${family}${p.id === chosen ? " chosen" : ""}" data-packet="${p.id}" tabindex="0">` +
      `<b>${p.from} \u2192 ${p.to}</b> <span class="type">${escapeHTML(p.type)}</span>` +
      `<pre>${escapeHTML(p.text)}</pre><small>sent at ${eventLink(sent)}, ${fateText(packet)}` +
      `${notes.map((n) => "; " + n).join("")}</small></div>`;
  };

  const messages = (e, chosen) => {
    const out = [];
    const arrived = e.packet && run.packets.get(e.packet);
    if (arrived) out.push(`<h3>Message</h3>${message(arrived, chosen)}`);
    const sent = (e.sent || []).map((p) => run.packets.get(p.id));
    if (sent.length) out.push(`<h3>Sends</h3>${sent.map((packet) => message(packet, chosen)).join("")}`);
    const ids = [e.packet, ...(e.sent || []).map((p) => p.id)];
    if (chosen && !ids.includes(chosen)) out.push(`<h3>Message</h3>${message(run.packets.get(chosen), chosen)}`);
    return out.join("");
  };

  const columns = [
    ["term", "Term"], ["vote", "Vote"], ["lead", "Leader"], ["commit", "Commit"], ["applied", "Applied"],
    ["durable", "Durable"],
  ];

  const value = (state, name) => {
    const v = state[name] || 0;
    return (name === "vote" || name === "lead") && !v ? "\u2013" : v;
  };

  const cell = (state, before, name) => {
    const changed = before && value(before, name) !== value(state, name);
    const was = changed ? ` title="was ${value(before, name)}"` : "";
    return `<td class="${changed ? "changed" : ""}"${was}>${value(state, name)}</td>`;
  };

  const lastCell = (state, before) => {
    const show = (s) => `${termAt(s, s.last)}/${s.last}`;
    const changed = before && show(before) !== show(state);
    return `<td class="${changed ? "changed" : ""}"${changed ? ` title="was ${show(before)}"` : ""}>${show(state)}</td>`;
  };

  const memberRow = (m, i) => {
    const state = run.stateAt(m, i), before = run.stateAt(m, i - 1) || state;
    const cls = [run.concerned.has(m) && "concerned", run.events[i] && run.events[i].member === m && "here"];
    const head = `<tr class="${cls.filter(Boolean).join(" ")}"><th>${m}</th>`;
    if (!state) return `${head}<td colspan="8" class="absent">not there yet</td></tr>`;
    const role = run.roleOf(state), turned = run.roleOf(before) !== role;
    return `${head}<td class="role ${turned ? "changed" : ""}"><i class="swatch ${role}"></i>${role}</td>` +
      columns.map(([name]) => cell(state, before, name)).join("") + lastCell(state, before) + "</tr>";
  };

  const memberTable = (i) =>
    `<h3>Members afterwards</h3><div class="wide"><table><thead><tr><th></th><th>Role</th>` +
    columns.map(([, name]) => `<th>${name}</th>`).join("") + "<th>Last</th></tr></thead><tbody>" +
    run.members.map((m) => memberRow(m, i)).join("") + "</tbody></table></div>" + memberships(i);

  // memberships names the configuration in force: once if all have the same.
  const memberships = (i) => {
    const held = new Map();
    for (const m of run.members) {
      const state = run.stateAt(m, i);
      if (!state || !state.membership) continue;
      held.set(state.membership, [...(held.get(state.membership) || []), m]);
    }
    if (held.size === 0) return "";
    const items = [...held].map(([text, who]) =>
      `<li><code>${escapeHTML(text)}</code>${held.size > 1 ? ` at ${who.join(", ")}` : ""}</li>`);
    return `<h3>Membership</h3><ul class="${held.size > 1 ? "split" : ""}">${items.join("")}</ul>`;
  };

  const heading = (e) => {
    const where = e.member ? ` at member ${e.member}` : "";
    return `<h2><span class="badge${e.fault ? " bad" : ""}">${escapeHTML(e.kind)}</span> Event ${e.n}${where}` +
      `${e.time ? `<small>${timeText(e.time)}</small>` : ""}</h2><p class="text">${linked(e.text)}</p>` +
      (e.script ? `<pre class="script">${escapeHTML(e.script)}</pre>` : "");
  };

  const state = (i) => memberTable(i) + logs.draw(i);

  // show fills the panel for an event, and for one of the messages.
  const show = (chosen) => {
    const e = run.events[chosen.event];
    element.innerHTML = e
      ? heading(e) + state(chosen.event) + messages(e, chosen.packet)
      : "<h2>Before the first event</h2>" + state(-1);
    const strip = element.querySelector(".strip");
    if (strip) strip.scrollLeft = strip.scrollWidth;
  };

  return { element, show, linked, state };
})();
