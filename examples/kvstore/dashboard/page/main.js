// What ties the parts together: the connection, colours, the token, and drawing.

let lastHome = null;

function renderConnection() {
  const pill = $("connection");
  const answering = sortedMembers().some((m) => m.answers);
  const own = sortedMembers().some((m) => m.answers && m.url === location.origin);
  const state = !model.everAnswered ? "loading" : !answering ? "lost" : own || model.home === location.origin ? "ok" : "moved";
  const texts = {
    loading: model.firstError ? "No answer, trying again" : "Connecting",
    lost: "No member answers",
    ok: `Through member ${model.homeId}`,
    moved: `Through member ${model.homeId}, since this page's own is gone`,
  };
  setAttr(pill, "data-state", state);
  setText($("connection-text"), texts[state]);
  const known = sortedMembers().find((m) => m.status);
  if (!known) return;
  setText($("cluster-name"), known.status.cluster || "");
  const title = `kvstore ${known.status.cluster || ""}`.trim();
  if (document.title !== title) document.title = title;
  renderNotice(known.status);
}

// renderNotice explains why the other members do not talk to a page that was opened under another name of its member.
function renderNotice(status) {
  const own = sortedMembers().find((m) => m.url === location.origin);
  const proper = own && own.status && own.status.url;
  const notice = $("notice");
  const differs = Boolean(proper) && /^https?:\/\//.test(proper) && new URL(proper).origin !== location.origin && status.members.length > 1;
  if (!differs || !notice.hidden) return;
  notice.hidden = false;
  notice.replaceChildren("The other members answer pages of members only, and this one was opened by another address. ", make("a", { href: proper, text: `Open ${proper}` }), " to see them all.");
}

function renderAll() {
  renderConnection();
  renderMembers();
  renderTimeline();
  for (const chart of charts) chart.render();
  if (model.home !== lastHome) {
    lastHome = model.home;
    logStream.follow();
    watchStream.follow();
    reloadKeys(0);
  }
}

const charts = [
  new Chart($("throughput"), "Requests a second", [{ key: "writes", label: "writes", style: "s-a" }, { key: "reads", label: "reads", style: "s-b" }]),
  new Chart($("latency"), "Latency in milliseconds", [
    { key: "put50", label: "writes, median", style: "s-a" },
    { key: "put99", label: "99 %", style: "s-c" },
    { key: "get99", label: "reads, 99 %", style: "s-b" },
  ]),
];

const themes = { auto: ["Auto", "as the system"], light: ["Light", "light"], dark: ["Dark", "dark"] };

function useTheme(name) {
  if (!Object.hasOwn(themes, name)) name = "auto";
  const [label, words] = themes[name];
  document.documentElement.dataset.theme = name;
  setText($("theme"), label);
  setAttr($("theme"), "aria-label", `Colours: ${words}`);
  try { localStorage.setItem("kvstore-theme", name); } catch { /* then it is not kept */ }
}

function setUpTheme() {
  let kept = "auto";
  try { kept = localStorage.getItem("kvstore-theme") || "auto"; } catch { /* then there is none */ }
  useTheme(kept);
  $("theme").addEventListener("click", () => {
    const names = Object.keys(themes);
    useTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
  });
}

// setUpToken asks for a token once a member has refused. Cancelling leaves a button to come back to it.
function setUpToken() {
  const dialog = $("token-dialog");
  let declined = false;
  access.wanted = () => {
    $("token-open").hidden = false;
    if (!declined && !dialog.open) dialog.showModal();
  };
  $("token-open").addEventListener("click", () => dialog.showModal());
  $("token-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { declined = true; });
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    access.token = $("token").value.trim();
    sessionStorage.setItem("kvstore-token", access.token);
    $("token").value = "";
    dialog.close();
    declined = false;
    reloadKeys(0);
  });
}

setUpTheme();
setUpToken();
setUpKeys();
setUpEvents();
$("add-member").addEventListener("click", () => { if (isUsable($("add-member"))) addMember(); });
model.listeners.add(renderAll);
new ResizeObserver(() => changed()).observe(document.body);
begin();
