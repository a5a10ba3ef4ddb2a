// Small helpers around the document, and how figures are written. Text from outside reaches the page through textContent
// only; the page's policy (require-trusted-types-for) refuses anything else.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// make builds an element. Properties: class, text, on (listeners by name), and any attribute.
function make(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

function draw(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// The setters change the document only if something changes, so that screen readers are not told again and again.
function setText(node, text) {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
}

function setAttr(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// usable keeps a button focusable while it cannot be used, unlike disabled, so that the keyboard does not lose its place.
function usable(button, can) {
  setAttr(button, "aria-disabled", can ? null : "true");
}

const isUsable = (button) => button.getAttribute("aria-disabled") !== "true";

// busyWhile runs work for a button, which cannot be pressed again meanwhile.
async function busyWhile(button, work) {
  if (button.hasAttribute("aria-busy")) return;
  setAttr(button, "aria-busy", "true");
  usable(button, false);
  try {
    await work();
  } finally {
    setAttr(button, "aria-busy", null);
    usable(button, true);
  }
}

const plain = new Intl.NumberFormat("en");
const whole = (n) => (typeof n === "number" && Number.isFinite(n) ? plain.format(Math.round(n)) : "–");

// brief writes a figure with about three digits.
function brief(n) {
  if (typeof n !== "number" || !Number.isFinite(n)) return "–";
  if (n >= 100 || n === 0) return whole(n);
  return n >= 10 ? n.toFixed(1) : n.toFixed(2);
}

// roundUp finds the smallest of 1, 2, 5, 10, 20, 50 ... that is not below n.
function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  for (const step of [1, 2, 5, 10]) if (step * power >= n) return step * power;
  return 10 * power;
}

function bytes(n) {
  if (typeof n !== "number" || !Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit++; }
  return `${unit === 0 ? n : brief(n)} ${units[unit]}`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clock = (ms) => clockFormat.format(ms);

function count(n, one, many = one + "s") {
  return `${whole(n)} ${n === 1 ? one : many}`;
}

const cut = (text, most) => (text.length > most ? text.slice(0, most) + "…" : text);

// toast shows what came of something for a while, and has it read out.
function toast(text, bad = false) {
  const node = make("p", { class: "toast", text, "data-bad": bad || null });
  $("toasts").append(node);
  while ($("toasts").children.length > 4) $("toasts").firstChild.remove();
  setTimeout(() => node.remove(), bad ? 9000 : 4500);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// shown resolves when the page can be seen: a hidden page asks nobody for anything.
function shown() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
  });
}
