// The plots: lines over the last two minutes, with the value under the pointer, or under a cursor that the arrow keys move.

const chartHeight = 150;
const plotLeft = 40;
const plotBottom = 20;

class Chart {
  constructor(root, what, series) {
    this.root = root;
    this.series = series; // {key, label, style}
    this.cursor = null;   // index of a sample, null for the newest
    this.values = new Map();
    const legend = make("p", { class: "legend" });
    for (const { key, label, style } of series) {
      const value = make("b");
      this.values.set(key, value);
      legend.append(make("span", {}, make("i", { class: style }), `${label} `, value));
    }
    this.when = make("span");
    legend.append(this.when);
    this.plot = make("div", { class: "plot", tabindex: "0", role: "img", "aria-label": `${what}, the last two minutes. The arrow keys move through it.` });
    root.append(legend, this.plot);
    this.plot.addEventListener("pointermove", (event) => this.point(event.clientX));
    this.plot.addEventListener("pointerleave", () => this.move(null));
    this.plot.addEventListener("blur", () => this.move(null));
    this.plot.addEventListener("keydown", (event) => this.key(event));
  }

  move(cursor) {
    this.cursor = cursor;
    this.render();
  }

  point(clientX) {
    const box = this.plot.getBoundingClientRect();
    const part = (clientX - box.left - plotLeft) / (box.width - plotLeft);
    const index = Math.round(part * (samplesKept - 1)) - (samplesKept - model.samples.length);
    this.move(index >= 0 && index < model.samples.length ? index : null);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") return this.move(null);
    if (!step || !model.samples.length) return;
    event.preventDefault();
    const last = model.samples.length - 1;
    this.move(Math.min(last, Math.max(0, (this.cursor === null ? last : this.cursor) + step)));
  }

  x(index, width) {
    return plotLeft + ((index + samplesKept - model.samples.length) / (samplesKept - 1)) * (width - plotLeft);
  }

  render() {
    const width = this.plot.clientWidth;
    if (!width) return;
    const samples = model.samples;
    const top = roundUp(Math.max(1, ...samples.flatMap((s) => this.series.map(({ key }) => s[key] || 0))));
    const y = (value) => 8 + (1 - value / top) * (chartHeight - plotBottom - 8);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${chartHeight}`, height: chartHeight, "aria-hidden": "true" });
    for (const value of [0, top / 2, top]) {
      svg.append(draw("line", { class: "grid", x1: plotLeft, x2: width, y1: y(value), y2: y(value) }));
      svg.append(draw("text", { x: plotLeft - 8, y: y(value) + 4, "text-anchor": "end", text: value >= 10000 ? `${value / 1000}k` : value }));
    }
    for (const [text, anchor, at] of [["2 min ago", "start", plotLeft], ["1 min", "middle", (plotLeft + width) / 2], ["now", "end", width]]) {
      svg.append(draw("text", { x: at, y: chartHeight - 3, "text-anchor": anchor, text }));
    }
    for (const { key, style } of [...this.series].reverse()) svg.append(draw("path", { class: `line ${style}`, d: this.path(key, width, y) }));
    const index = this.cursor === null ? samples.length - 1 : Math.min(this.cursor, samples.length - 1);
    if (this.cursor !== null) svg.append(draw("line", { class: "cursor", x1: this.x(index, width), x2: this.x(index, width), y1: 4, y2: chartHeight - plotBottom }));
    this.plot.replaceChildren(svg);
    this.label(samples[index]);
  }

  // path breaks where there is no value.
  path(key, width, y) {
    let path = "", drawing = false;
    model.samples.forEach((sample, index) => {
      const value = sample[key];
      if (value === null || value === undefined) { drawing = false; return; }
      path += `${drawing ? "L" : "M"}${this.x(index, width).toFixed(1)} ${y(value).toFixed(1)}`;
      drawing = true;
    });
    return path;
  }

  label(sample) {
    for (const { key } of this.series) setText(this.values.get(key), sample ? brief(sample[key]) : "–");
    setText(this.when, this.cursor === null || !sample ? "" : `at ${clock(sample.at)}`);
  }
}
