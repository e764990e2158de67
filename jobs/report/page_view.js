// One row in full: its video with sound, its attempts, what to do next, as a dialog.

const view = document.getElementById("view");
const viewBody = document.getElementById("view-body");
const viewTitle = document.getElementById("view-title");
const said = document.getElementById("said");

/** A command with a button that copies it. */
function command(text) {
  return withCopy(make("div", { className: "command" }, make("code", {}, text)));
}

function withCopy(box) {
  const button = make("button", { type: "button" }, "Copy");
  button.setAttribute("aria-label", `Copy: ${box.textContent}`);
  button.addEventListener("click", async () => {
    const done = await copy(box.querySelector("code"));
    button.textContent = done ? "Copied" : "Select it";
    said.textContent = done ? "Copied." : "It could not be copied; it is selected.";
    setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2500);
  });
  box.append(button);
  return box;
}

/** Copies a command; from a page that may not, it selects it and asks the old way. */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

/** Names and values, those without a value left out. */
function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { className: "facts" }, ...known.map(([name, value]) =>
    make("div", {}, make("dt", {}, bdi(name)), make("dd", {}, value instanceof Node ? value : bdi(String(value))))));
}

function outward(href, text) {
  return make("a", { href, rel: "noreferrer noopener" }, bdi(text));
}

function size(bytes) {
  if (bytes === null) return null;
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB`
    : bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${bytes} bytes`;
}

function film(row) {
  const video = make("video", { className: "stage", controls: true, playsInline: true, preload: "metadata", src: row.video });
  if (row.poster) video.poster = row.poster;
  video.setAttribute("aria-label", `video of ${row.id}`);
  video.addEventListener("error", () => video.replaceWith(make("div", { className: "stage" }, absent(row))));
  return video;
}

function picture(row) {
  if (!row.image) return null;
  if (!row.is_web) return bdi(row.image);
  if (controls.elements.sources.checked) return make("span", { className: "stack" }, outward(row.image, row.image), source(row));
  const button = make("button", { type: "button" }, "Show it here");
  button.addEventListener("click", () => button.replaceWith(source(row)));
  return make("span", { className: "stack" }, outward(row.image, row.image), button);
}

function trouble(row) {
  if (!row.error) return null;
  const [code, words, step, steps] = row.error;
  return make("div", { className: `reason tone-${row.group}` },
    make("p", { className: "soft" }, bdi(code)), make("blockquote", {}, bdi(words)),
    make("p", { className: "told" }, bdi(step)), steps ? command(steps) : null);
}

function adoptable(row) {
  if (!row.candidates) return null;
  return make("section", {}, make("h3", {}, "What would settle it"), ...row.candidates.flatMap(each => [
    make("p", { className: "candidate" }, ...(each.prediction === null ? [each.told]
      : ["Adopt ", bdi(each.prediction), " ", make("span", { className: "soft" }, bdi(each.told),
        ...(each.prompt ? [" · prompt: ", bdi(each.prompt)] : []),
        ...(each.image ? [" · ", outward(each.image, "its picture")] : []))])),
    command(each.command)]));
}

function attempts(row) {
  return make("ol", { className: "tries" }, ...(row.attempts ?? []).map(
    ([number, outcome, sent, prediction, charged, refunded, words]) => make("li", {},
      make("b", {}, `${number}. `), bdi(outcome), ` · sent ${sent} UTC · ${dollars(charged)} charged`,
      refunded === "0.00" ? "" : `, ${dollars(refunded)} refunded`,
      prediction ? make("span", { className: "soft" }, " · ", bdi(prediction)) : null,
      words ? make("p", { className: "soft" }, bdi(words)) : null)));
}

/** Shows a row over the page; `null` closes it. */
function open(row) {
  viewBody.querySelector("video")?.pause();
  if (!row) {
    if (view.open) view.close();
    return;
  }
  viewTitle.replaceChildren(bdi(row.id), " ", chip(row.group, row.state));
  const prompt = row.prompt ? make("p", { className: "prompt whole" }, bdi(row.prompt)) : null;
  const words = make("div", {}, trouble(row), prompt, adoptable(row));
  const told = facts([
    ["picture", picture(row)],
    ["model", shape.models[row.model]],
    ["length", row.duration_s === null ? null : `${row.duration_s} s`],
    ["options", row.options],
    ["paid", paid(row)],
    ["estimated", row.estimated === null ? "unknown" : dollars(row.estimated)],
    ["generated in", row.generated_s === null ? null : lasting(row.generated_s)],
    ["file", row.video ? make("a", { href: row.video }, bdi(row.video)) : row.place],
    ["size", size(row.bytes)],
    ["reused from", row.reused_from],
    ["line of the manifest", row.line],
    ["attempts", row.attempts ? attempts(row) : null],
    ...Object.entries(row.data ?? {}),
  ]);
  if (row.video) words.append(told);
  viewBody.replaceChildren(...(row.video ? [film(row), words] : [words, told]));
  view.scrollTop = 0;
  if (!view.open) view.showModal();
}
