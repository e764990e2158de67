// The contact sheet: what is shown of the rows, page by page. All of it stands in the
// address behind the `#`, so that a link leads to the same rows; only the wish to see
// source pictures does not, because a link must not make a browser ask elsewhere.

const controls = document.getElementById("controls");
const pagers = [...document.querySelectorAll(".pages")];
const EMPTY = { states: [], model: "", text: "", code: "", reason: "", sort: "line", page: 1, job: "" };
const MOST_PRINTED = 10000;

let wish = { ...EMPTY };
let found = [];

/** What an address asks for; whatever makes no sense in it is left out. */
function asked(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const offered = name => [...controls.elements[name].options].map(option => option.value);
  const one = (name, allowed) => allowed.includes(parts.get(name)) ? parts.get(name) : EMPTY[name];
  return {
    states: (parts.get("state") ?? "").split(",").filter(state => TROUBLE.includes(state)),
    model: one("model", offered("model")),
    text: parts.get("text") ?? "",
    code: parts.get("code") ?? "",
    reason: shape.reasons.some(([key]) => key === parts.get("reason")) ? parts.get("reason") : "",
    sort: one("sort", offered("sort")),
    page: Math.max(1, Math.floor(Number(parts.get("page"))) || 1),
    job: parts.get("job") ?? "",
  };
}

function address() {
  const parts = new URLSearchParams();
  if (wish.states.length) parts.set("state", wish.states.join(","));
  for (const name of ["model", "text", "code", "reason", "sort", "page", "job"])
    if (wish[name] !== EMPTY[name]) parts.set(name, wish[name]);
  return `#${parts}`;
}

/**
 * Keeps the wish in the address, without a new step in the history for each letter. A
 * row that opens is a step of its own, so that the way back closes it; that step serves
 * the next row, too, lest the way out of the report is as long as the list of rows seen.
 */
function remember(isStep = false) {
  const now = address();
  if (now === "#" ? !location.hash.includes("=") : now === location.hash) return;
  const isNew = isStep && !history.state?.ofRow;
  try {
    history[isNew ? "pushState" : "replaceState"](isStep ? { ofRow: true } : history.state, "", now);
  } catch { /* where a page may not, such as in a frame of another site, it does without */ }
}

/** Shows what is wished for, from the first page unless it says otherwise. */
function show(changes = {}) {
  wish = { ...wish, page: 1, ...changes };
  found = matching(wish);
  wish.page = Math.min(wish.page, pages());
  fill();
  tell();
  remember();
}

const pages = () => Math.max(1, Math.ceil(found.length / shape.per_page));
const firstShown = () => (wish.page - 1) * shape.per_page;

function fill() {
  stop();
  near.disconnect();
  const withSources = controls.elements.sources.checked;
  sheet.classList.toggle("with-sources", withSources);
  const some = found.slice(firstShown(), firstShown() + shape.per_page);
  sheet.replaceChildren(...some.map(row => card(row, withSources)));
}

/** Says how many were found, and sets the controls to what is shown. */
function tell() {
  const last = Math.min(found.length, firstShown() + shape.per_page);
  const of = found.length === rows.length ? found.length.toLocaleString("en")
    : `${found.length.toLocaleString("en")} found among ${rows.length.toLocaleString("en")}`;
  document.getElementById("found").textContent =
    found.length ? `${(firstShown() + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${of}` : "No job is like that.";
  for (const box of controls.querySelectorAll("[name=state]")) box.checked = wish.states.includes(box.value);
  for (const name of ["model", "sort"]) controls.elements[name].value = wish[name];
  if (controls.elements.text.value !== wish.text) controls.elements.text.value = wish.text;
  const [, code, words] = shape.reasons.find(([key]) => key === wish.reason) ?? ["", wish.code, ""];
  const why = words ? `${code}: ${words}` : code;
  const reason = document.getElementById("reason");
  reason.hidden = !why;
  reason.replaceChildren("only ", bdi(why), " ✕");
  reason.setAttribute("aria-label", `only ${why}: take this filter off`);
  document.getElementById("clear").hidden = found.length === rows.length && wish.sort === EMPTY.sort;
  for (const pager of pagers) page(pager);
}

function page(pager) {
  pager.hidden = pages() === 1;
  const focused = pager.contains(document.activeElement) ? document.activeElement.dataset.to : null;
  const to = (words, way) => {
    const target = wish.page + way;
    const button = make("button", { type: "button", disabled: target < 1 || target > pages() }, words);
    button.dataset.to = way;
    button.addEventListener("click", () => turn(target));
    return button;
  };
  pager.replaceChildren(to("Previous", -1), make("span", {}, `Page ${wish.page} of ${pages().toLocaleString("en")}`), to("Next", 1));
  if (focused) (pager.querySelector(`[data-to="${focused}"]:enabled`) ?? pager.querySelector("button:enabled"))?.focus({ preventScroll: true });
}

function turn(target) {
  show({ page: target });
  document.getElementById("videos").scrollIntoView();
}

/** Opens the row that the wish names, or closes what is open. */
function look(id) {
  const row = id ? rows.find(each => each.id === id) : null;
  const opens = row && !view.open;
  wish.job = row ? id : "";
  open(row);
  remember(opens);
}

/** The row before or after the open one, among those that were found. */
function go(way) {
  const at = found.findIndex(row => row.id === wish.job);
  const next = found[at + way];
  if (!next) return;
  look(next.id);
  viewTitle.focus();
  const needed = Math.floor((at + way) / shape.per_page) + 1;
  if (needed !== wish.page) show({ page: needed });
}

let later = 0;
controls.addEventListener("input", event => {
  clearTimeout(later);
  if (event.target.name === "text") {
    later = setTimeout(() => show({ text: event.target.value.trim() }), 120);
    return;
  }
  show({
    states: [...controls.querySelectorAll("[name=state]:checked")].map(box => box.value),
    model: controls.elements.model.value,
    sort: controls.elements.sort.value,
    text: controls.elements.text.value.trim(),
    page: event.target.name === "sources" ? wish.page : 1,
  });
});
controls.addEventListener("submit", event => event.preventDefault());
controls.addEventListener("reset", event => { event.preventDefault(); show(EMPTY); controls.elements.text.focus(); });
document.getElementById("reason").addEventListener("click", () => show({ code: "", reason: "" }));
document.getElementById("print").addEventListener("click", printAll);

sheet.addEventListener("click", event => {
  const chosen = event.target.closest(".card");
  if (!chosen || (!mediaOf(event) && !getSelection().isCollapsed)) return; // words are being selected
  stop();
  chosen.querySelector(".media").focus({ preventScroll: true });
  stop();
  look(chosen.row.id);
});
view.addEventListener("click", event => {
  const way = event.target.closest("[data-go]")?.dataset.go;
  if (event.target === view || way === "0") view.close();
  else if (way) go(Number(way));
});
view.addEventListener("keydown", event => {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (way && !event.target.closest("video")) go(way);
});
view.addEventListener("close", () => {
  if (view.open) return; // the next row was quicker than this event
  open(null);
  if (wish.job) look("");
});

/** A link behind `#` to rows shows them; one to a part of the page is the browser's. */
function follow(hash) {
  const next = asked(hash);
  if (view.open && !next.job) return look(""); // the way back closes the row, and that is all
  if (!hash.includes("=")) return;
  const onlyOpens = next.job && address().replace(/&?job=[^&]*/, "") === "#";
  show(next);
  look(next.job);
  if (!onlyOpens && !next.job) document.getElementById("videos").scrollIntoView();
}
addEventListener("hashchange", event => follow(new URL(event.newURL).hash));

// On paper there are no pages to turn: all that was found, as small cards. Cards that
// are on the screen stay, because their first frames are there already.
let onPaper = false;
function layOut() {
  if (onPaper) return;
  onPaper = true;
  const shown = new Map([...sheet.children].map(each => [each.row, each]));
  const all = found.slice(0, MOST_PRINTED).map(row => shown.get(row) ?? card(row, false, true));
  sheet.replaceChildren(...all);
  document.getElementById("found").textContent = `${all.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} jobs`;
}
addEventListener("beforeprint", layOut);
addEventListener("afterprint", () => { onPaper = false; fill(); tell(); });

/** Prints once the posters are there, or after a few seconds without them. */
async function printAll() {
  layOut();
  const posters = [...sheet.querySelectorAll("img")].map(each => each.decode());
  await Promise.race([Promise.allSettled(posters), new Promise(done => setTimeout(done, 5000))]);
  print();
}

const lost = rows.filter(row => row.state === "unresolved");
for (const [n, box] of document.querySelectorAll("#unresolved .steps").entries()) box.replaceChildren(settling(lost[n], 3));
for (const box of document.querySelectorAll(".command:not([data-template])"))
  if (!box.querySelector("button")) withCopy(box);
document.getElementById("sources").hidden = !rows.some(row => web(row.image));
controls.hidden = !rows.length;
show(asked(location.hash));
follow(location.hash);
document.documentElement.dataset.ready = "yes";
