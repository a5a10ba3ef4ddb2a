"use strict";
// Which events are shown, and in which row. An event that is not shown has a place between the rows around it, so that
// arrows and lanes stay right.

const groups = [
  { id: "tick", name: "Ticks", kinds: ["tick"] },
  { id: "storage", name: "Storage", kinds: ["ready", "write", "send", "apply", "advance", "snapshot"] },
  { id: "request", name: "Requests", kinds: ["request"] },
  { id: "loss", name: "Losses", kinds: ["lose", "duplicate"] },
];

const rows = (() => {
  const groupByKind = new Map(groups.flatMap((g) => g.kinds.map((k) => [k, g.id])));
  const hidden = new Set(); // IDs of families and groups, and "idle"
  const place = new Float64Array(run.events.length); // in rows, from the top
  const rowOf = new Int32Array(run.events.length);
  const self = { list: [], hidden, query: "", only: false, matches: null, place, rowOf };

  // idle events changed nothing, sent nothing, and brought nothing.
  self.idle = (e) => !e.after && !e.packet && !e.fault && !(e.sent && e.sent.length) &&
    ["tick", "ready", "write", "send", "apply", "advance"].includes(e.kind);

  self.familyOfEvent = (e) => {
    const packet = e.packet && run.packets.get(e.packet);
    return packet ? packet.family : null;
  };
  self.groupOfEvent = (e) => groupByKind.get(e.kind);

  const shown = (e, i) => {
    if (self.only && self.matches) return self.matches.has(i);
    if (i === run.last || turns.has(i)) return true;
    if (hidden.has("idle") && self.idle(e)) return false;
    return !hidden.has(self.familyOfEvent(e)) && !hidden.has(self.groupOfEvent(e));
  };

  // One word of a search: a number is a member, #number an event, all else part of a text.
  const test = (word) => {
    if (/^#\d+$/.test(word)) return (e) => e.n === Number(word.slice(1));
    if (/^m?\d+$/.test(word)) {
      const member = Number(word.replace("m", ""));
      return (e) => {
        const p = e.packet && run.packets.get(e.packet);
        return e.member === member || Boolean(p && (p.p.from === member || p.p.to === member));
      };
    }
    return (e) => {
      const p = e.packet && run.packets.get(e.packet);
      const texts = [e.kind, e.text, e.script, p && p.p.type, ...(e.sent || []).map((s) => s.text)];
      return texts.some((t) => t && t.toLowerCase().includes(word));
    };
  };

  self.search = (query) => {
    self.query = query.trim();
    const tests = self.query.toLowerCase().split(/\s+/).filter(Boolean).map(test);
    self.matches = null;
    if (tests.length === 0) return;
    self.matches = new Set();
    run.events.forEach((e, i) => {
      if (tests.every((t) => t(e))) self.matches.add(i);
    });
  };

  self.arrange = () => {
    self.list = [];
    run.events.forEach((e, i) => {
      const visible = shown(e, i);
      rowOf[i] = visible ? self.list.length : -1;
      place[i] = self.list.length + (visible ? 0.5 : 0);
      if (visible) self.list.push(i);
    });
  };

  // placeOf is the place of an event in rows, also of the time before the first.
  self.placeOf = (i) => (i < 0 ? 0 : place[i]);

  // nearest is the shown event at or before i, or else the first.
  self.nearest = (i) => {
    if (self.list.length === 0) return -1;
    if (rowOf[i] >= 0) return i;
    return self.list[Math.max(0, Math.min(self.list.length, place[i]) - 1)];
  };

  if (run.events.length > 300) hidden.add("idle");
  self.arrange();
  return self;
})();
