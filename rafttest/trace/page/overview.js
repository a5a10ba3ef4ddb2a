"use strict";
// The whole run at a glance, beside the diagram: the roles of all members from top to bottom, the faults, and which part
// the diagram shows.

const overview = (() => {
  const element = document.getElementById("overview");
  const width = () => run.members.length * 10 + 12;

  const draw = () => {
    const n = Math.max(1, rows.list.length), least = n / 300;
    const out = [];
    run.members.forEach((m, column) => {
      const { stints } = lanes.get(m);
      stints.forEach((s, k) => {
        const top = rows.placeOf(s.at);
        const end = k + 1 < stints.length ? rows.placeOf(stints[k + 1].at) : n;
        const height = s.role === "follower" ? end - top : Math.max(end - top, least);
        out.push(`<rect class="band ${s.role}" x="${column * 10 + 3}" y="${top}" width="7" height="${height}"/>`);
      });
    });
    for (const i of rows.list) {
      const e = run.events[i];
      if (!e.fault) continue;
      const big = e.kind !== "lose" && e.kind !== "duplicate";
      const x = width() - (big ? 9 : 6);
      out.push(`<rect class="tick${big ? " big" : ""}" x="${x}" y="${rows.place[i]}" width="${big ? 7 : 4}" height="${least}"/>`);
    }
    if (run.violation) {
      out.push(`<rect class="violated" x="0" y="${n - 2 * least}" width="${width()}" height="${2 * least}"/>`);
    }
    element.innerHTML = `<svg viewBox="0 0 ${width()} ${n}" preserveAspectRatio="none">${out.join("")}</svg><i></i>`;
    element.style.width = width() * (window.innerWidth < 640 ? 0.6 : 1) + "px";
  };

  // frame marks the part in sight, given as fractions of the run.
  const frame = (from, to) => {
    const mark = element.querySelector("i");
    mark.style.top = from * 100 + "%";
    mark.style.height = Math.max(0.6, (to - from) * 100) + "%";
  };

  // onPoint has f called with the fraction of the run that is pointed at.
  const onPoint = (f) => {
    const tell = (e) => {
      const box = element.getBoundingClientRect();
      f(Math.min(1, Math.max(0, (e.clientY - box.top) / box.height)));
    };
    element.addEventListener("pointerdown", (e) => {
      element.setPointerCapture(e.pointerId);
      tell(e);
    });
    element.addEventListener("pointermove", (e) => e.buttons && tell(e));
  };

  return { draw, frame, onPoint };
})();
