"use strict";
// The logs of all members under each other, aligned by index, so that it stands out where they differ.

const logs = (() => {
  const cell = 22, height = 26, head = 18, left = 30;
  const most = 160; // columns

  const firstOf = (state) => (state.snapshot ? state.snapshot.first : 0);
  const present = (states) => states.filter(Boolean);

  // differs says how the members differ at an index: 2 if two of them committed different entries there, 1 if they
  // merely hold different ones.
  const differs = (states, index) => {
    const held = new Set(), committed = new Set();
    for (const s of present(states)) {
      const term = termAt(s, index);
      if (!term) continue;
      held.add(term);
      if (index <= s.commit) committed.add(term);
    }
    return committed.size > 1 ? 2 : held.size > 1 ? 1 : 0;
  };

  // range picks the indexes worth showing: from shortly before what not all have committed, durable and applied, or
  // from before the first difference.
  const range = (states) => {
    const all = present(states);
    const last = Math.max(0, ...all.map((s) => Math.max(s.last, firstOf(s))));
    const settled = Math.min(last, ...all.map((s) => Math.min(s.commit, s.durable, s.applied)));
    let from = Math.max(1, Math.min(settled, last - 8) - 2);
    from = Math.max(from, last - most + 1);
    for (let i = Math.max(1, last - 5000); i < from; i++) {
      if (differs(states, i)) {
        from = Math.max(1, i - 2);
        break;
      }
    }
    return { from, to: Math.min(last, from + most - 1), last };
  };

  const block = (state, before, index, x, y) => {
    const term = termAt(state, index);
    if (!term && index > firstOf(state)) return "";
    const compacted = index <= firstOf(state);
    const classes = ["entry", compacted && "compacted", index > state.durable && !compacted && "volatile",
      before && !compacted && termAt(before, index) !== term && "fresh"];
    const style = term ? ` style="--h:${hueOf(term)}"` : "";
    let out = `<rect class="${classes.filter(Boolean).join(" ")}"${style} x="${x + 1.5}" y="${y + 1.5}" width="${cell - 3}" height="17" rx="3"/>`;
    if (term) out += `<text class="term" x="${x + cell / 2}" y="${y + 14}">${term}</text>`;
    if (index <= state.commit) out += `<rect class="committed" x="${x}" y="${y + 20}" width="${cell}" height="2.5"/>`;
    if (index <= state.applied) out += `<rect class="applied" x="${x}" y="${y + 23.5}" width="${cell}" height="2"/>`;
    return out;
  };

  const columnHead = (states, index, x, rowsHigh) => {
    const how = differs(states, index);
    const shade = how ? `<rect class="differs d${how}" x="${x}" y="0" width="${cell}" height="${rowsHigh}" rx="3"/>` : "";
    return shade + `<text class="index${how ? " d" + how : ""}" x="${x + cell / 2}" y="13">${index}</text>`;
  };

  // draw returns the logs after event i; what that event wrote is outlined.
  const draw = (i) => {
    const states = run.members.map((m) => run.stateAt(m, i));
    if (present(states).length === 0) return "";
    const before = run.members.map((m) => run.stateAt(m, i - 1));
    const { from, to, last } = range(states);
    const columns = Math.max(1, to - from + 1);
    const h = head + height * run.members.length + 4, out = [], names = [];
    for (let index = from; index <= to; index++) out.push(columnHead(states, index, (index - from) * cell, h));
    run.members.forEach((m, n) => {
      const y = head + n * height, state = states[n];
      const cls = run.concerned.has(m) ? "who concerned" : "who";
      names.push(`<text class="${cls}" x="${left - 8}" y="${y + 15}">${m}</text>`);
      if (!state) return;
      const blocks = [];
      for (let index = from; index <= to; index++) blocks.push(block(state, before[n], index, (index - from) * cell, y));
      out.push(`<g class="${state.down ? "down" : ""}">${blocks.join("")}</g>`);
    });
    const more = to < last ? ` and ${last - to} more` : "";
    return `<h3>Logs <small>index ${from} to ${to}${more}; term in each block</small></h3><div class="logs">` +
      `<svg width="${left}" height="${h}">${names.join("")}</svg><div class="strip">` +
      `<svg width="${columns * cell}" height="${h}">${out.join("")}</svg></div></div>` +
      `<p class="key"><i class="k-durable"></i>durable <i class="k-volatile"></i>not yet ` +
      `<i class="k-committed"></i>committed <i class="k-applied"></i>applied <i class="k-fresh"></i>new ` +
      `<i class="k-differs"></i>differs</p>`;
  };

  return { draw };
})();
