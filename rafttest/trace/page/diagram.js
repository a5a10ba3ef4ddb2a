"use strict";
// The picture: lanes, arrows, marks and texts of a range of rows, as the inside of an SVG element.

const diagram = (() => {
  const geometry = { h: 24, gutter: 54, lane: 110, width: 900, text: 400, chars: 60, band: 6 };

  const laneX = (member) => geometry.gutter + geometry.lane * (run.members.indexOf(member) + 0.5);
  const y = (i) => rows.placeOf(i) * geometry.h;
  const total = () => rows.list.length * geometry.h + 30;
  const round = (v) => Math.round(v * 10) / 10;
  const rect = (cls, x, top, w, h, more = "") =>
    `<rect class="${cls}" x="${round(x)}" y="${round(top)}" width="${round(w)}" height="${round(h)}" ${more}/>`;
  const line = (cls, x1, y1, x2, y2) =>
    `<line class="${cls}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
  const text = (cls, x, at, content, more = "") =>
    `<text class="${cls}" x="${round(x)}" y="${round(at)}" ${more}>${escapeHTML(content)}</text>`;
  const dimmed = (i) => (rows.matches && !rows.matches.has(i) ? " dim" : "");

  // fit sets the columns for a width of the window and a height of the rows; where there is room, each event has its text.
  const fit = (width, zoom) => {
    const n = Math.max(1, run.members.length);
    const narrow = width < 640;
    geometry.h = zoom;
    geometry.gutter = narrow ? 40 : 58;
    const texts = !narrow && zoom >= 11;
    const rest = texts ? Math.min(380, width * 0.42) : 12;
    geometry.lane = Math.max(narrow ? 46 : 62, Math.min(texts ? 150 : 240, (width - geometry.gutter - rest) / n));
    geometry.text = geometry.gutter + geometry.lane * n + 10;
    geometry.width = Math.max(width, geometry.gutter + geometry.lane * n);
    geometry.chars = Math.floor((geometry.width - geometry.text - 8) / 6.7);
    geometry.band = Math.max(4, Math.min(7, geometry.lane / 10));
  };

  const backgrounds = (from, to, selected) => {
    const out = [], h = geometry.h;
    for (let r = from; r < to; r++) {
      const i = rows.list[r], e = run.events[i];
      const cls = i === selected ? "row selected" : e.fault ? "row fault" : r % 2 ? "row odd" : "";
      if (cls && (h >= 3 || i === selected)) out.push(rect(cls, 0, r * h, geometry.width, Math.max(h, 2)));
      if (i === selected) out.push(rect("cursor", 0, r * h, 3, h));
    }
    return out.join("");
  };

  const band = (member, top, bottom) => {
    const { stints } = lanes.get(member);
    const x = laneX(member), out = [];
    if (run.concerned.has(member)) {
      out.push(rect("concerned", x - geometry.lane / 2 + 2, top, geometry.lane - 4, bottom - top));
    }
    stints.forEach((s, n) => {
      const begin = Math.max(top, y(s.at));
      const end = Math.min(bottom, n + 1 < stints.length ? y(stints[n + 1].at) : rows.list.length * geometry.h);
      if (end <= begin) return;
      const half = s.role === "leader" ? geometry.band + 1 : geometry.band;
      if (s.role === "down") out.push(line("down", x, begin, x, end));
      else out.push(rect(`band ${s.role}`, x - half, begin, 2 * half, end - begin));
      if (n > 0 && stints[n - 1].term !== s.term && begin === y(s.at)) {
        out.push(line("turn", x - half - 3, begin, x + half + 3, begin));
      }
    });
    return out.join("");
  };

  // labels writes terms and votes to the right of a lane, commits to the left, where there is room.
  const labels = (member, top, bottom) => {
    if (geometry.lane < 56 || geometry.h < 6) return "";
    const x = laneX(member), off = geometry.band + 5, out = [];
    const { marks } = lanes.get(member);
    const crowded = marks.length > 1 && y(marks[1].at) < 22; // then the term at the start gives way
    let right = -Infinity, left = -Infinity;
    for (const mark of crowded ? marks.slice(1) : marks) {
      const at = Math.max(y(mark.at), 9);
      if (at < top - 20 || at > bottom + 20) continue;
      const said = [];
      if (mark.term !== undefined) said.push("t" + mark.term);
      if (mark.vote) said.push((geometry.lane < 130 ? "v" : "votes ") + mark.vote);
      if (said.length && at - right >= 12) {
        out.push(text("label", x + off, at + 4, said.join(" ")));
        right = at;
      }
      if (mark.commit !== undefined && at - left >= 12) {
        out.push(text("label commit", x - off, at + 4, "c" + mark.commit));
        left = at;
      }
    }
    return out.join("");
  };

  // arrowhead is a triangle with its tip at x, at, pointing along dx, dy.
  const arrowhead = (x, at, dx, dy, size) => {
    const length = Math.hypot(dx, dy) || 1;
    const ux = dx / length, uy = dy / length;
    const bx = x - ux * size, by = at - uy * size, w = size * 0.45;
    return [[x, at], [bx - uy * w, by + ux * w], [bx + uy * w, by - ux * w]]
      .map(([px, py]) => `${round(px)},${round(py)}`).join(" ");
  };

  // ends computes where an arrow begins and ends, or null if its members are not drawn or hidden.
  const ends = (a) => {
    const { p, sent, family } = a.packet;
    if (rows.hidden.has(family) || !run.members.includes(p.from) || !run.members.includes(p.to)) return null;
    if (p.from === p.to) return null;
    const way = p.to > p.from ? 1 : -1;
    const gap = way * (geometry.band + 2);
    const x1 = laneX(p.from) + gap, x2 = laneX(p.to) - gap;
    if (a.fate === "flying") return { x1, y1: y(sent), x2: x1 + (x2 - x1) * 0.35, y2: y(sent) + geometry.h * 0.7 };
    const part = a.fate === "lost" ? 0.6 : 1;
    return { x1, y1: y(sent), x2: x1 + (x2 - x1) * part, y2: y(a.to) };
  };

  const tip = (a, g, size) => {
    const { x2, y2 } = g;
    if (a.fate === "lost") {
      const s = size * 0.6;
      return `<path class="cross" d="M${round(x2 - s)} ${round(y2 - s)}l${2 * s} ${2 * s}m0 ${-2 * s}l${-2 * s} ${2 * s}"/>`;
    }
    if (a.fate === "flying") return `<circle class="open" cx="${round(x2)}" cy="${round(y2)}" r="${size * 0.35}"/>`;
    const dx = x2 - g.x1, dy = y2 - g.y1;
    const head = `<polygon class="head" points="${arrowhead(x2, y2, dx, dy, size)}"/>`;
    if (!a.packet.p.reject) return head;
    const length = Math.hypot(dx, dy) || 1, ux = dx / length, uy = dy / length, w = size * 0.75;
    const bx = x2 - ux * size * 1.5, by = y2 - uy * size * 1.5;
    return head + line("bar", bx - uy * w, by + ux * w, bx + uy * w, by - ux * w);
  };

  const arrow = (a, g, chosen) => {
    const { p, copy, family } = a.packet;
    const long = Math.abs(g.y2 - g.y1) > 40 * geometry.h;
    const classes = ["arrow", "f-" + family, a.fate, copy && "copy", p.reject && "reject", long && "long",
      chosen.has(p.id) && "chosen", rows.matches && !rows.matches.has(a.to) && !rows.matches.has(a.packet.sent) && "dim"];
    const size = Math.max(3.5, Math.min(9, geometry.h * 0.45));
    const wide = geometry.h >= 12 ? line("hit", g.x1, g.y1, g.x2, g.y2) : "";
    return `<g class="${classes.filter(Boolean).join(" ")}" data-packet="${p.id}"><title>${escapeHTML(p.text)}` +
      `</title>${wide}${line("shaft", g.x1, g.y1, g.x2, g.y2)}${geometry.h < 3 ? "" : tip(a, g, size)}</g>`;
  };

  // arrowsIn draws the messages that cross a part of the picture; the chosen ones come last, above the others.
  const arrowsIn = (top, bottom, chosen) => {
    const out = [], above = [];
    for (const a of run.arrows) {
      const g = ends(a);
      if (!g || Math.max(g.y1, g.y2) < top || Math.min(g.y1, g.y2) > bottom) continue;
      (chosen.has(a.packet.p.id) ? above : out).push(arrow(a, g, chosen));
    }
    return out.join("") + above.join("");
  };

  // dot marks on its lane what happened in a row, in a form that tells its kind.
  const dot = (e, i, at) => {
    if (geometry.h < 3 && e.kind !== "crash") return "";
    const x = laneX(e.member), s = Math.max(1.5, Math.min(5, geometry.h * 0.2));
    const cls = `dot k-${e.kind} f-${rows.familyOfEvent(e)}${dimmed(i)}`;
    const box = (size) => rect(cls, x - size, at - size, 2 * size, 2 * size);
    switch (e.kind) {
      case "crash": {
        const c = s * 1.5;
        return `<path class="${cls}" d="M${x - c} ${at - c}l${2 * c} ${2 * c}m0 ${-2 * c}l${-2 * c} ${2 * c}"/>`;
      }
      case "start":
        return `<polygon class="${cls}" points="${x},${at - 1.4 * s} ${x + 1.3 * s},${at + s} ${x - 1.3 * s},${at + s}"/>`;
      case "request":
        return `<polygon class="${cls}" points="${x},${at - 1.4 * s} ${x + 1.4 * s},${at} ${x},${at + 1.4 * s} ${x - 1.4 * s},${at}"/>`;
      case "ready": case "write": case "send": case "apply": case "advance": case "snapshot":
        return box(s * 0.75);
      case "tick":
        return `<circle class="${cls}" cx="${x}" cy="${at}" r="${s * 0.6}"/>`;
      default:
        return `<circle class="${cls}" cx="${x}" cy="${at}" r="${s}"/>`;
    }
  };

  const clip = (content, n) => (content.length > n ? content.slice(0, Math.max(1, n - 1)) + "\u2026" : content);

  const row = (r) => {
    const i = rows.list[r], e = run.events[i], h = geometry.h, at = (r + 0.5) * h, out = [];
    if (e.kind === "note") out.push(line("note" + (e.fault ? " bad" : ""), geometry.gutter, at, geometry.text - 6, at));
    if (run.members.includes(e.member)) out.push(dot(e, i, at));
    if (h < 11) return out.join("");
    out.push(text("number" + dimmed(i), geometry.gutter - 12, at + 4, e.n, 'text-anchor="end"'));
    if (geometry.chars < 12) return out.join("");
    const cls = ["what", "k-" + e.kind, e.fault && "bad"].filter(Boolean).join(" ");
    out.push(text(cls + dimmed(i), geometry.text, at + 4, clip(e.text || e.kind, geometry.chars)));
    return out.join("");
  };

  const ending = (top, bottom) => {
    const at = rows.list.length * geometry.h;
    if (!run.violation || at < top || at > bottom) return "";
    return line("violated", 0, at, geometry.width, at) +
      text("violated", 10, at + 17, "\u2717 " + run.violation.property);
  };

  // draw returns the picture of the rows from (inclusive) to to (exclusive).
  const draw = (from, to, chosen) => {
    from = Math.max(0, from);
    to = Math.min(rows.list.length, to);
    const top = from * geometry.h, bottom = to * geometry.h + (to === rows.list.length ? 30 : 0);
    const content = [`<g class="${geometry.h < 3 ? "tiny" : ""}">`, backgrounds(from, to, chosen.event)];
    for (const m of run.members) content.push(band(m, top, bottom));
    const e = run.events[chosen.event];
    const packets = e ? [e.packet, ...(e.sent || []).map((p) => p.id)] : [];
    content.push(arrowsIn(top, bottom, new Set([chosen.packet, ...packets])));
    for (let r = from; r < to; r++) content.push(row(r));
    for (const m of run.members) content.push(labels(m, top, bottom));
    content.push(ending(top, bottom + 1), "</g>");
    return content.join("");
  };

  return { geometry, fit, draw, laneX, total };
})();
