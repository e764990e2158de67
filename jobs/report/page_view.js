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
  const video = make("video", { className: "stage", controls: true, playsInline: true, preload: "metadata", src: videoOf(row) });
  if (posterOf(row)) video.poster = posterOf(row);
  video.ariaLabel = visible(`video of ${row.id}`);
  video.addEventListener("error", () => video.replaceWith(make("div", { className: "stage" }, absent(row))));
  return video;
}

function picture(row) {
  if (!row.image) return null;
  if (!web(row.image)) return bdi(row.image);
  if (controls.elements.sources.checked) return make("span", { className: "stack" }, outward(row.image, row.image), source(row));
  const button = make("button", { type: "button" }, "Show it here");
  button.addEventListener("click", () => button.replaceWith(source(row)));
  return make("span", { className: "stack" }, outward(row.image, row.image), button);
}

function trouble(row) {
  if (!row.error) return null;
  const [words, todo] = stepOf(row.error.next_step);
  return make("div", { className: `reason tone-${row.group}` },
    make("p", { className: "soft" }, bdi(row.error.code)), make("blockquote", {}, bdi(row.error.message)),
    make("p", { className: "told" }, bdi(words)), todo ? command(todo) : null);
}

/** What is known of a candidate, in a few words, beside when the row was sent. */
function factsOf(candidate, row) {
  const sent = row.attempts.at(-1)?.sent_at;
  const apart = (Date.parse(candidate.created_at) - Date.parse(sent)) / 1000;
  return [
    candidate.model === row.model ? "" : candidate.model || "model unknown",
    candidate.status,
    `made ${minute(candidate.created_at)} UTC`,
    sent ? `${lasting(Math.abs(apart))} ${apart >= 0 ? "after" : "before"} the row was sent` : "",
    candidate.billed_usd ? `${dollars(candidate.billed_usd)} billed` : "",
  ].filter(Boolean).join(", ");
}

/** What would settle an unresolved row: to adopt one of these, or to adopt none. */
function settling(row, most = Infinity) {
  const [, resolve] = stepOf(row.error.next_step);
  const shown = row.candidates.slice(0, most), left = row.candidates.length - shown.length;
  const one = each => [
    make("p", { className: "candidate" }, "Adopt ", bdi(each.prediction_id), " ",
      make("span", { className: "soft" }, bdi(factsOf(each, row)), each.prompt ? " · prompt: " : null,
        each.prompt ? bdi(each.prompt) : null, web(each.image) ? " · " : null,
        web(each.image) ? outward(each.image, "its picture") : null)),
    command(`${resolve} --adopt ${quoted(each.prediction_id)}`)];
  return make("div", {}, ...shown.flatMap(one),
    ...(left ? [make("p", { className: "candidate" }, make("a", { href: `#${new URLSearchParams({ job: row.id })}` }, `${left} more candidate${left > 1 ? "s" : ""}`))] : []),
    ...(shown.length ? [make("p", { className: "candidate" }, "What the provider has of each, by its address:"),
      command(resolve.replace("reelmill resolve", "reelmill show"))]
      : [make("p", { className: "candidate soft" }, "No prediction was found that could be its own.")]),
    make("p", { className: "candidate" }, "None is its own: send and pay it again"), command(`${resolve} --absent`));
}

function adoptable(row) {
  return row.candidates ? make("section", {}, make("h3", {}, "What would settle it"), settling(row)) : null;
}

const minute = moment => moment.slice(0, 19).replace("T", " ");

function attempts(row) {
  return make("ol", { className: "tries" }, ...row.attempts.map(each => make("li", {},
    make("b", {}, `${each.number}. `), bdi(each.outcome),
    ` · sent ${minute(each.sent_at)} UTC · ${dollars(each.charged_usd)} charged`,
    each.refunded_usd === "0.00" ? "" : `, ${dollars(each.refunded_usd)} refunded`,
    each.prediction_id ? make("span", { className: "soft" }, " · ", bdi(each.prediction_id)) : null,
    each.error ? make("p", { className: "soft" }, bdi(each.error.message)) : null)));
}

/** Shows a row over the page; `null` closes it. */
function open(row) {
  viewBody.querySelector("video")?.pause();
  if (!row) {
    if (view.open) view.close();
    return;
  }
  const link = videoOf(row);
  viewTitle.replaceChildren(bdi(titleOf(row)), " ", chip(row.group, row.state));
  const prompt = row.prompt ? make("p", { className: "prompt whole" }, bdi(row.prompt)) : null;
  const words = make("div", {}, trouble(row), prompt, adoptable(row));
  const told = facts([
    ...Object.entries(row.data),
    ["id", row.id],
    ["checks of the video", row.quality?.findings.map(each => each.message).join("; ")],
    ["picture", picture(row)],
    ["model", row.model],
    ["length", row.duration_s === null ? null : `${row.duration_s} s`],
    ["options", row.options],
    ["paid", paid(row)],
    ["estimated", dollars(row.estimated_usd)],
    ["generated in", row.generated_s === null ? null : lasting(row.generated_s)],
    ["file", link ? make("a", { href: link }, bdi(link)) : row.video],
    ["size", size(row.bytes)],
    ["reused from", leaderOf(row)],
    ["line in the file", row.line],
    ["attempts", row.attempts.length ? attempts(row) : null],
  ]);
  if (link) words.append(told);
  viewBody.replaceChildren(...(link ? [film(row), words] : [words, told]));
  view.scrollTop = 0;
  if (!view.open) view.showModal();
}
