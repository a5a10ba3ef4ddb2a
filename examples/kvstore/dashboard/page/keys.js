// The keys: a list by prefix, which follows the changes, and an editor for one key.

const pageSize = 50;
const editorLimit = 256 << 10; // bytes of a value that can still be edited here

const keys = {
  items: [], more: false, loading: false, shownFor: null, error: "",
  shown: pageSize, // how many rows are asked for
  again: null,       // to be loaded once more: live or not, null if it is not
  missed: new Set(), // whose values, by idOf, were not known when the list was read last
};

const decoder = new TextDecoder("utf-8", { fatal: true });

// nameOf returns a key as a string, or as bytes if it is not UTF-8.
const nameOf = (item) => (item.key64 === undefined ? item.key : fromBase64(item.key64));

// writtenKey makes a key visible whatever it is made of.
function writtenKey(key) {
  if (typeof key === "string") return key;
  return "bytes " + Array.from(key.slice(0, 64), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

// loadKeys reads the keys, and the values that are not known. If it follows changes, it is live: the changes bring the values, so
// one that is missing is read only if there is none by the next time either.
async function loadKeys(live = false) {
  if (!model.home) return;
  if (keys.loading) { keys.again = keys.again === null ? live : keys.again && live; return; }
  keys.loading = true;
  setAttr($("keys").parentNode, "aria-busy", "true");
  const asked = { prefix: $("prefix").value, consistency: $("consistency").value };
  try {
    const knownBefore = newestRev;
    const { items, more, rev } = await listKeys(asked, keys.shown);
    distrustValues(asked, rev, knownBefore);
    const unknown = items.filter((item) => !isKnown(item));
    await readValues(asked, items, live ? unknown.filter((item) => keys.missed.has(idOf(item))) : unknown);
    const missing = items.filter((item) => !isKnown(item));
    keys.missed = new Set(missing.map(idOf));
    if (missing.length) reloadKeys();
    Object.assign(keys, { items, more, error: "", shownFor: asked.prefix });
  } catch (error) {
    keys.error = explain(error);
  }
  keys.loading = false;
  setAttr($("keys").parentNode, "aria-busy", null);
  renderKeys();
  if (keys.again !== null) {
    const next = keys.again;
    keys.again = null;
    loadKeys(next);
  }
}

// listKeys reads so many keys, without their values. The revision is that of the store at the end.
async function listKeys(asked, shown) {
  const items = [];
  let after = null, rev = 0;
  do {
    const page = await listPage(model.home, { ...asked, limit: Math.min(1000, shown - items.length), after, keysOnly: true });
    items.push(...page.items);
    ({ rev, next: after } = page);
  } while (after !== null && items.length < shown);
  return { items, more: after !== null, rev };
}

// reloadKeys loads soon, at most once in a while however many changes there are. What has to come at once is not live.
let reload = null;
function reloadKeys(after = 700) {
  const live = after > 0;
  if (reload !== null) { reload.live &&= live; return; }
  reload = { live };
  setTimeout(() => {
    const { live } = reload;
    reload = null;
    loadKeys(live);
  }, after);
}

function renderKeys() {
  const error = $("keys-error");
  error.hidden = !keys.error;
  if (keys.error) setText(error, `The list could not be read. ${keys.error}`);
  if (keys.shownFor === null) return;
  renderRows();
  const empty = $("keys-empty");
  empty.hidden = keys.items.length > 0;
  setText(empty, keys.shownFor ? `No key begins with “${cut(keys.shownFor, 60)}”.` : "There are no keys yet. “New key” makes one.");
  $("keys-more").hidden = !keys.more;
  setText($("keys-count"), keys.items.length ? `${count(keys.items.length, "key")}${keys.more ? ", and there are more" : ""}` : "");
}

// renderRows keeps the rows of keys that are still there, so that focus stays where it is.
function renderRows() {
  const body = $("keys");
  const first = body.dataset.filled !== "yes";
  const old = new Map([...body.children].map((row) => [row.dataset.key, row]));
  keys.items.forEach((item, at) => {
    const id = idOf(item);
    const row = old.get(id) || newRow(id);
    old.delete(id);
    fillRow(row, item, first);
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] || null);
  });
  for (const row of old.values()) row.remove();
  body.dataset.filled = "yes";
}

function newRow(id) {
  const button = make("button", { type: "button" });
  const row = make("tr", { "data-key": id }, make("td", {}, button), make("td", { class: "value" }), make("td", { class: "num" }), make("td", { class: "num optional" }));
  button.addEventListener("click", () => openEditor(row.item));
  row.addEventListener("animationend", () => row.classList.remove("fresh"));
  return row;
}

function fillRow(row, item, first) {
  const shown = shownOf(item);
  const fresh = !row.item || row.shown.rev !== shown.rev;
  const [key, value, rev, version] = row.children;
  if (!row.item) {
    setText(key.firstChild, cut(writtenKey(nameOf(item)), 200));
    setAttr(key.firstChild, "title", cut(writtenKey(nameOf(item)), 1000));
  }
  if (fresh || row.shown.text !== shown.text || row.shown.odd !== shown.odd) value.replaceChildren(previewNode(shown));
  setText(rev, whole(shown.rev));
  setText(version, whole(item.version));
  if (fresh) row.classList.toggle("fresh", !first);
  Object.assign(row, { item, shown });
}

// The editor works on one key: rev is the revision that it was read at, 0 for a key that is to be made.
const editor = { key: "", rev: 0 };

function showEditor(title, key, value, writable) {
  setText($("editor-title"), title);
  $("editor-key").value = key;
  $("editor-key").readOnly = editor.rev !== 0;
  $("editor-value").value = value;
  $("editor-value").readOnly = !writable;
  $("editor-save").hidden = !writable;
  $("editor-delete").hidden = editor.rev === 0;
  editorError("");
  if (!$("editor").open) $("editor").showModal();
  (editor.rev ? $("editor-value") : $("editor-key")).focus();
}

function editorError(text) {
  $("editor-error").hidden = !text;
  setText($("editor-error"), text);
}

function newKey() {
  Object.assign(editor, { key: "", rev: 0 });
  showEditor("New key", $("prefix").value, "", true);
  setText($("editor-meta"), "It is made only if there is no such key yet.");
}

async function openEditor(item) {
  const key = nameOf(item);
  try {
    const found = await getKey(model.home, key, $("consistency").value);
    if (!found) {
      toast("The key is gone.", true);
      return reloadKeys(0);
    }
    Object.assign(editor, { key, rev: found.rev });
    showFound(key, found, item);
  } catch (error) {
    toast(`Reading the key: ${explain(error)}`, true);
  }
}

function showFound(key, found, item) {
  let text = null;
  try { text = decoder.decode(found.bytes); } catch { /* it is binary */ }
  const size = bytes(found.bytes.length);
  const about = `Revision ${whole(found.rev)}, version ${whole(item.version)}, made at revision ${whole(item.created)}, ${size}.`;
  const small = found.bytes.length <= editorLimit;
  if (text !== null && small) {
    showEditor("Edit key", writtenKey(key), text, true);
    setText($("editor-meta"), `${about} Saving fails if someone else has changed it meanwhile.`);
    return;
  }
  const shown = text !== null ? text.slice(0, 4096) : Array.from(found.bytes.slice(0, 512), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  showEditor("View key", writtenKey(key), shown, false);
  setText($("editor-meta"), `${about} ${text === null ? "It is binary and shown in hexadecimal" : "It is too large to be edited here"}; this is its beginning.`);
}

// change runs a write of the editor, and closes it when that has succeeded.
function change(button, verb, work) {
  if (!isUsable(button)) return;
  busyWhile(button, async () => {
    try {
      const { rev } = await work();
      $("editor").close();
      toast(rev ? `${verb}, revision ${whole(rev)}.` : `${verb}.`);
      reloadKeys(0);
    } catch (error) {
      editorError(error.status === 412 ? (editor.rev ? "Somebody else has changed the key meanwhile. Close this and open it again." : "There is such a key already.") : explain(error));
    }
  });
}

function saveKey() {
  if (editor.rev === 0) editor.key = $("editor-key").value;
  if (editor.key === "") return editorError("A key has at least one character.");
  change($("editor-save"), "Saved", () => putKey(model.home, editor.key, $("editor-value").value, editor.rev));
}

function setUpKeys() {
  let typing = null;
  const search = () => {
    clearTimeout(typing);
    keys.shown = pageSize;
    $("keys").dataset.filled = "no";
    loadKeys();
    restartWatch();
  };
  $("prefix").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 250); });
  $("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
  $("consistency").addEventListener("change", () => loadKeys());
  $("keys-more").addEventListener("click", () => { keys.shown += pageSize; loadKeys(); });
  $("key-new").addEventListener("click", newKey);
  $("editor-cancel").addEventListener("click", () => $("editor").close());
  $("editor-form").addEventListener("submit", (event) => { event.preventDefault(); saveKey(); });
  $("editor-delete").addEventListener("click", () => change($("editor-delete"), "Deleted", () => deleteKey(model.home, editor.key, editor.rev)));
}
