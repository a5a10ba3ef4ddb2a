// What is known of values: as much of each as a row shows. Changes bring it, and so do lists; a value that is known is not read
// again, so that the list of keys can follow the changes and ask for keys alone.

const previewLength = 160;
const previewsKept = 2000; // or twice the rows, if those are more

const previews = new Map(); // by idOf: see previewOf; the oldest come first
let newestRev = 0; // of any preview

const idOf = (item) => (item.key64 === undefined ? `s${item.key}` : `b${item.key64}`);

// previewOf is what a row shows of the value of an item or a change. If it is odd, it is a description rather than the value.
function previewOf({ rev, value = "", base64, long }) {
  if (long) return { rev, odd: true, text: "a long value" };
  if (base64) return { rev, odd: true, text: `${bytes(Math.floor((value.length * 3) / 4))} of binary data` };
  if (value === "") return { rev, odd: true, text: "empty" };
  const text = cut(value.slice(0, previewLength + 1).replaceAll("\n", " "), previewLength);
  return { rev, odd: false, text: JSON.parse(JSON.stringify(text)) }; // a copy: the slice would keep all of the value
}

// learnValue keeps the preview of an item or a change, unless a newer one has come, and returns what is kept.
function learnValue(item) {
  const known = previews.get(idOf(item));
  if (known && known.rev > item.rev) return known;
  const preview = previewOf(item);
  newestRev = Math.max(newestRev, preview.rev);
  previews.delete(idOf(item));
  previews.set(idOf(item), preview);
  while (previews.size > Math.max(previewsKept, 2 * keys.shown)) previews.delete(previews.keys().next().value);
  return preview;
}

// distrustValues forgets everything if a read that is not stale has found an older store than was known before it: then another
// cluster has taken the place of the one that the values are of.
function distrustValues({ consistency }, rev, knownBefore) {
  if (consistency === "stale" || rev >= knownBefore) return;
  previews.clear();
  newestRev = 0;
}

const forgetValue = (item) => previews.delete(idOf(item));

// isKnown tells whether the value of an item is known as it is at its revision, or later.
const isKnown = (item) => (previews.get(idOf(item)) || { rev: 0 }).rev >= item.rev;

// shownOf is what a row shows of an item: what is known, with its revision, even if a newer one is still to be read.
const shownOf = (item) => previews.get(idOf(item)) || { rev: item.rev, odd: true, text: "…" };

const previewNode = (preview) => (preview.odd ? make("em", { class: "odd", text: preview.text }) : document.createTextNode(preview.text));

// pagesAtOnce bounds how many pages of values are read before the list is shown. Members bound the bytes of each.
const pagesAtOnce = 8;

// runsOf says where in the list those items are that are wanted: from and to, which is not included. What lies between is not read.
function runsOf(items, wanted) {
  const runs = [];
  items.forEach((item, at) => {
    if (!wanted.has(item)) return;
    const run = runs.at(-1);
    if (run && run.to === at) run.to++;
    else runs.push({ from: at, to: at + 1 });
  });
  return runs;
}

// readValues reads the values of the items that are wanted, and takes over their numbers as they are then.
async function readValues(asked, items, wanted) {
  const byId = new Map(items.map((item) => [idOf(item), item]));
  let pages = 0;
  for (const { from, to } of runsOf(items, new Set(wanted))) {
    let after = from > 0 ? nameOf(items[from - 1]) : null;
    for (let left = to - from; left > 0; ) {
      if (pages++ === pagesAtOnce) return;
      const page = await listPage(model.home, { ...asked, limit: Math.min(left, 1000), after, keysOnly: false });
      for (const found of page.items) takeOver(byId.get(idOf(found)), found);
      left -= page.items.length;
      after = page.next;
      if (after === null) return;
    }
  }
}

function takeOver(item, found) {
  learnValue(found);
  if (item) Object.assign(item, { rev: found.rev, created: found.created, version: found.version });
}
