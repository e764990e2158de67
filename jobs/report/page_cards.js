// Cards of the contact sheet, and how one plays. Text goes in as text, never as markup.

/** An element with properties and children; texts among the children stay texts. */
function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  const there = children.filter(child => child !== null && child !== undefined && child !== "");
  made.append(...there.map(child => child instanceof Node ? child : visible(child)));
  return made;
}

const bdi = text => make("bdi", {}, text ?? "");
const chip = (group, word) => make("span", { className: `chip tone-${group}` }, word ?? group);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** `1234.5` as `$1,234.5`; digits behind the point are kept as they are. */
function dollars(amount) {
  if (amount === null) return "unknown";
  const [whole, part] = amount.split(".");
  return `$${Number(whole).toLocaleString("en")}${part ? `.${part}` : ""}`;
}

/** Seconds as a person says them. */
function lasting(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** What a row cost, refunds taken off; whole micro-dollars, so that no digit is made up. */
function paid(row) {
  const micros = Math.round((Number(row.charged_usd) - Number(row.refunded_usd)) * 1e6);
  const net = (micros / 1e6).toFixed(6).replace(/(\.\d\d\d*?)0+$/, "$1");
  return make("span", {}, make("span", { className: "price" }, dollars(net)),
    row.refunded_usd === "0.00" ? null : ` after a refund of ${dollars(row.refunded_usd)}`);
}

/** A card: what is seen opens the row, and plays while it is pointed at or focused. */
function card(row, withSource, onPaper = false) {
  const media = make("button", { type: "button", className: "media" }, pictured(row, onPaper));
  media.ariaLabel = visible(`${titleOf(row)}, ${row.state}: open`);
  const shown = make("li", { className: `card tone-${row.group}` },
    make("div", { className: "frame" }, withSource && web(row.image) ? source(row) : null, media),
    make("div", { className: "about" },
      make("p", { className: "name" }, make("b", {}, bdi(titleOf(row))), chip(row.group, row.state)),
      skuOf(row) ? make("p", { className: "soft" }, bdi(skuOf(row))) : null,
      row.prompt ? make("p", { className: "prompt" }, bdi(row.prompt)) : null,
      faults(row),
      row.reused_from ? make("p", { className: "soft" }, "reused from ", bdi(leaderOf(row))) : null,
      make("p", { className: "foot soft" },
        paid(row),
        make("span", {}, shape.names[row.model] + (row.duration_s ? ` · ${row.duration_s} s` : "")))));
  shown.row = row;
  return shown;
}

/** What the checks of its video found. */
function faults(row) {
  const found = row.quality?.findings.map(each => each.message).join("; ");
  return found ? make("p", { className: "soft" }, chip(row.quality.verdict === "fail" ? "failed" : "unresolved", row.quality.verdict), ` ${found}`) : null;
}

/** Whose video serves: a row of this batch, or `batch/row` of another. */
function leaderOf(row) {
  const own = `${shape.batch}/`;
  return row.reused_from?.startsWith(own) ? row.reused_from.slice(own.length) : row.reused_from;
}

/** The poster; without one, a video that shows its own first frame once it is near. */
function pictured(row, onPaper) {
  if (posterOf(row)) return poster(row, onPaper);
  if (row.error && !videoOf(row))
    return make("span", { className: "none why" }, make("b", {}, bdi(row.error.code)), make("span", {}, bdi(row.error.message)));
  if (!videoOf(row) || onPaper) return make("span", { className: "none" }, row.state);
  return firstFrame(row);
}

/** The poster; if it is not there, what there would be without one. */
function poster(row, onPaper) {
  const picture = make("img", { loading: onPaper ? "eager" : "lazy", decoding: "async", alt: "", src: posterOf(row) });
  picture.addEventListener("error", () => {
    const video = picture.parentElement?.querySelector("video"); // it plays already
    if (video || picture.parentElement?.querySelector(".none")) picture.remove();
    else picture.replaceWith(pictured({ ...row, poster: null }, onPaper));
  });
  return picture;
}

function firstFrame(row) {
  const video = silent(row);
  near.observe(video);
  return video;
}

function silent(row) {
  const video = make("video", { muted: true, loop: true, playsInline: true, preload: "none", tabIndex: -1 });
  video.setAttribute("aria-hidden", "true");
  video.addEventListener("error", () => gone(video, row));
  return video;
}

/** Says that a video which the ledger knows is not beside the page; a poster stays. */
function gone(video, row) {
  if (!video.getAttribute("src")) return; // it was only let go
  const media = video.parentElement;
  if (!media) return;
  if (media.querySelector("img")) {
    video.remove();
    if (!media.querySelector(".note")) media.append(make("span", { className: "note" }, "video not beside this page"));
  } else video.replaceWith(absent(row));
}

function absent(row) {
  return make("span", { className: "none absent" }, make("span", {}, "not beside this page"),
    make("span", { className: "soft" }, bdi(whereOf(row))));
}

/** Where a video should be, as a person reads it; what would disturb stays encoded. */
function whereOf(row) {
  const plain = decodeURIComponent(videoOf(row));
  return (/[\p{C}\p{Zl}\p{Zp}]/u.test(plain) ? videoOf(row) : plain).replace(/^\.\//, "");
}

const near = new IntersectionObserver(seen => seen.filter(each => each.isIntersecting).forEach(({ target }) => {
  near.unobserve(target);
  if (target.getAttribute("src")) return;
  target.preload = "metadata";
  target.src = `${videoOf(target.closest(".card").row)}#t=0.1`;
}), { rootMargin: "300px" });

/** The picture that a video was made from. Asking for it is the reader's wish alone. */
function source(row) {
  const picture = make("img", { className: "source", loading: "lazy", referrerPolicy: "no-referrer", src: row.image,
    alt: visible(`source picture of ${row.id}`) });
  picture.addEventListener("error", () =>
    picture.replaceWith(make("span", { className: "source none" }, "picture not reachable")));
  return picture;
}

let playing = null;

/** Plays what is pointed at or focused, without sound, and stops what played before. */
function play(media) {
  if (playing === media) return;
  stop();
  const row = media.closest(".card").row;
  if (!videoOf(row) || calm.matches || media.querySelector(".none, .note")) return;
  playing = media;
  let video = media.querySelector("video");
  if (!video) media.append(video = silent(row));
  if (!video.getAttribute("src")) video.src = videoOf(row);
  video.play().catch(() => {}); // it was left before it began
}

function stop() {
  const video = playing?.querySelector("video");
  playing = null;
  if (!video) return;
  video.pause();
  if (!video.parentElement.querySelector("img")) {
    video.currentTime = 0.1;
    return;
  }
  video.removeAttribute("src");
  video.load(); // lets go of what was fetched
  video.remove();
}

const sheet = document.getElementById("sheet");
const mediaOf = event => event.target.closest(".media");
sheet.addEventListener("pointerover", event => {
  if (event.pointerType === "touch") return;
  const media = mediaOf(event);
  if (media) play(media);
});
sheet.addEventListener("pointerout", event => {
  if (playing && !playing.contains(event.relatedTarget) && playing !== document.activeElement) stop();
});
sheet.addEventListener("focusin", event => mediaOf(event) && play(mediaOf(event)));
sheet.addEventListener("focusout", stop);
