"use strict";
// What is in sight: the selected event, the zoom, and the part of the diagram around the window, which alone is drawn.

const view = (() => {
  const scroller = document.getElementById("scroller");
  const canvas = document.getElementById("canvas");
  const svg = document.getElementById("diagram");
  const heads = document.getElementById("heads");
  const zooms = [0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 12, 16, 20, 24, 30, 38];
  const self = { chosen: { event: run.violation ? run.last : rows.list.length ? rows.list[0] : -1, packet: 0 }, zoom: 24 };
  let drawn = { from: 0, to: 0 }, pending = false;

  const sightHeight = () => Math.max(60, scroller.clientHeight - heads.offsetHeight);

  const drawHeads = () => {
    const g = diagram.geometry;
    const names = run.members.map((m) => {
      const cls = run.concerned.has(m) ? "head concerned" : "head";
      return `<button class="${cls}" style="left:${diagram.laneX(m) - g.lane / 2}px;width:${g.lane}px" data-member="${m}"` +
        ` title="Show the events of member ${m}"><b>${m}</b><span class="now"></span></button>`;
    });
    heads.style.width = g.width + "px";
    heads.innerHTML = names.join("");
  };

  // shortRole is a role's name where it has room.
  const shortRole = (role) => {
    if (diagram.geometry.lane < 58) return "";
    return diagram.geometry.lane < 100 && role === "pre-candidate" ? "pre-cand." : role;
  };

  // drawNow writes each member's role at the selected event under its name.
  const drawNow = () => {
    for (const head of heads.querySelectorAll(".head")) {
      const state = run.stateAt(Number(head.dataset.member), self.chosen.event);
      const role = state ? run.roleOf(state) : "";
      head.querySelector(".now").innerHTML = role ? `<i class="swatch ${role}"></i>${shortRole(role)}` : "";
    }
  };

  const drawPart = (force) => {
    const h = diagram.geometry.h, height = sightHeight();
    const from = Math.floor(scroller.scrollTop / h), to = Math.ceil((scroller.scrollTop + height) / h) + 1;
    const n = Math.max(1, rows.list.length);
    overview.frame(Math.min(1, from / n), Math.min(1, to / n));
    if (!force && from >= drawn.from && to <= drawn.to) return;
    const spare = Math.ceil(height / h / 2) + 4;
    drawn = { from: from - spare, to: to + spare };
    svg.innerHTML = diagram.draw(drawn.from, drawn.to, self.chosen);
  };

  // redraw draws all anew, after the window, the zoom or the rows changed.
  self.redraw = () => {
    diagram.fit(scroller.clientWidth, self.zoom);
    const { width } = diagram.geometry, height = diagram.total();
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    canvas.style.height = height + "px";
    canvas.style.width = width + "px";
    drawHeads();
    drawNow();
    overview.draw();
    drawPart(true);
  };

  self.scrolled = () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      drawPart(false);
    });
  };

  // reveal scrolls so that an event is in sight, with some rows around it.
  self.reveal = (i) => {
    const h = diagram.geometry.h, height = sightHeight(), at = rows.placeOf(i) * h;
    const margin = Math.min(height / 3, 4 * h);
    if (at - margin < scroller.scrollTop) scroller.scrollTop = at - margin;
    if (at + margin > scroller.scrollTop + height) scroller.scrollTop = at + margin - height;
  };

  self.scrollToFraction = (f) => {
    scroller.scrollTop = f * rows.list.length * diagram.geometry.h - sightHeight() / 2;
  };

  const remember = () => {
    const e = run.events[self.chosen.event];
    try {
      history.replaceState(null, "", e ? "#" + e.n : "#");
    } catch {
      // Some browsers refuse that for files; the address then stays as it is.
    }
  };

  // choose selects an event, and a message with it.
  self.choose = (event, packet = 0) => {
    self.chosen = { event, packet };
    self.reveal(event);
    drawPart(true);
    drawNow();
    panel.show(self.chosen);
    remember();
  };

  // step goes by a number of shown events, backwards if it is negative.
  self.step = (by) => {
    const n = rows.list.length;
    if (n === 0) return;
    const now = Math.floor(rows.placeOf(self.chosen.event));
    self.choose(rows.list[Math.max(0, Math.min(n - 1, now + by))]);
  };

  // along goes to the next event, or the one before, for which test holds.
  self.along = (by, test) => {
    for (let i = self.chosen.event + by; i >= 0 && i <= run.last; i += by) {
      if (rows.rowOf[i] >= 0 && test(i)) return self.choose(i);
    }
  };

  self.setZoom = (zoom) => {
    const middle = (scroller.scrollTop + sightHeight() / 2) / diagram.geometry.h;
    self.zoom = zoom;
    self.redraw();
    scroller.scrollTop = middle * zoom - sightHeight() / 2;
    self.reveal(self.chosen.event);
    drawPart(true);
  };

  self.larger = () => self.setZoom(zooms.find((z) => z > self.zoom) || self.zoom);
  self.smaller = () => self.setZoom(zooms.findLast((z) => z < self.zoom) || self.zoom);
  self.fit = () => {
    const room = (sightHeight() - 32) / Math.max(1, rows.list.length);
    self.setZoom(Math.max(0.1, Math.min(24, Math.floor(room * 1000) / 1000)));
  };

  // rearrange is for when other events are shown than before.
  self.rearrange = () => {
    rows.arrange();
    self.redraw();
    self.reveal(self.chosen.event);
    drawPart(true);
  };

  // rowAt returns the event at a height of the diagram.
  self.eventAt = (y) => rows.list[Math.min(rows.list.length - 1, Math.floor(y / diagram.geometry.h))];

  self.scroller = scroller;
  self.svg = svg;
  return self;
})();
