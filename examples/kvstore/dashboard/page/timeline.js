// Who led when: a lane for each member, filled while it led.

const timelineLongest = 10 * 60 * 1000;
const timelineShortest = 30 * 1000;
const laneHeight = 26;
const laneStart = 74;

// reignsInOrder lists the reigns by term, each with the time of the next as its end.
function reignsInOrder() {
  const all = [...model.reigns].map(([term, { leader, at }]) => ({ term, leader, from: at, to: null })).sort((a, b) => a.term - b.term);
  all.forEach((reign, i) => { if (i + 1 < all.length) reign.to = all[i + 1].from; });
  const now = leaderNow();
  const last = all.at(-1);
  const gap = model.gaps.at(-1);
  // The last reign ends with the gap that goes on, if there is one.
  if (last && !now && gap && gap.to === null) last.to = Math.max(last.from, gap.from);
  return all;
}

function timelineWindow(reigns) {
  const to = Date.now();
  const first = reigns.length ? reigns[0].from : to;
  const length = Math.min(timelineLongest, Math.max(timelineShortest, to - first + 5000));
  return { from: to - length, to };
}

function renderTimeline() {
  const root = $("timeline");
  const width = root.clientWidth;
  if (!width || !model.everAnswered) return;
  const reigns = reignsInOrder();
  const ids = [...new Set([...sortedMembers().map((m) => m.id), ...reigns.map((r) => r.leader)])].sort((a, b) => a - b);
  const span = timelineWindow(reigns);
  const x = (at) => laneStart + Math.max(0, (at - span.from) / (span.to - span.from)) * (width - laneStart);
  const height = ids.length * laneHeight + 22;
  const current = leaderNow();
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": timelineText(reigns) });
  svg.append(hatching());
  ids.forEach((id, lane) => {
    const middle = lane * laneHeight + laneHeight / 2;
    svg.append(draw("text", { class: "lane-name", x: 0, y: middle + 4, text: `Member ${id}` }));
    svg.append(draw("line", { class: "lane", x1: laneStart, x2: width, y1: middle, y2: middle }));
  });
  for (const reign of reigns) {
    const now = reign === reigns.at(-1) && reign.to === null && current !== null;
    drawReign(svg, reign, ids.indexOf(reign.leader) * laneHeight, x, span.to, now);
  }
  for (const gap of model.gaps) drawGap(svg, endOf(gap, reigns), x, span, ids.length);
  drawTimes(svg, span, x, height, width);
  root.replaceChildren(svg);
  renderChanges(reigns);
}

function hatching() {
  const pattern = draw("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" }, draw("path", { d: "M-1 7 7-1M-1 1 1-1M5 7 7 5" }));
  return draw("defs", {}, pattern);
}

function drawReign(svg, reign, top, x, end, now) {
  const from = x(reign.from), to = x(reign.to === null ? end : reign.to);
  if (to <= laneStart) return;
  svg.append(draw("rect", { class: now ? "reign now" : "reign", x: from, y: top + 5, width: Math.max(2, to - from), height: laneHeight - 10, rx: 4 }));
  const label = `term ${reign.term}`;
  if (to - from > label.length * 6.5 + 14) svg.append(draw("text", { class: "term", x: from + 8, y: top + laneHeight / 2 + 4, text: label }));
}

// endOf has a gap end when the next reign began: this page has learned of it a moment later.
function endOf(gap, reigns) {
  const next = reigns.find((reign) => reign.from >= gap.from);
  return next && (gap.to === null || next.from < gap.to) ? { from: gap.from, to: next.from } : gap;
}

function drawGap(svg, gap, x, span, lanes) {
  const to = gap.to === null ? span.to : gap.to;
  if (to < span.from) return;
  svg.append(draw("rect", { class: "gap", x: x(gap.from), y: 2, width: Math.max(3, x(to) - x(gap.from)), height: lanes * laneHeight - 4 }));
}

function drawTimes(svg, span, x, height, width) {
  const ticks = width < 560 ? 2 : 4;
  for (let i = 0; i <= ticks; i++) {
    const at = span.from + ((span.to - span.from) * i) / ticks;
    const anchor = i === 0 ? "start" : i === ticks ? "end" : "middle";
    svg.append(draw("text", { x: x(at), y: height - 3, "text-anchor": anchor, text: i === ticks ? "now" : clock(at) }));
  }
}

function timelineText(reigns) {
  const last = reigns.at(-1);
  if (!last) return "No leader is known yet.";
  return `${count(reigns.length, "leader")} known. The newest is member ${last.leader}, term ${last.term}, since ${clock(last.from)}.`;
}

function renderChanges(reigns) {
  const newest = reigns.slice(-4).reverse();
  const text = newest.map((r) => `${r.term}/${r.leader}`).join();
  const list = $("changes");
  if (list.dataset.shown === text) return;
  list.dataset.shown = text;
  list.replaceChildren(...newest.map((r) => make("li", {}, make("time", { datetime: new Date(r.from).toISOString(), text: clock(r.from) }), `Member ${r.leader}, term ${r.term}`)));
}
