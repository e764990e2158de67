// The rows of `report.json`: read once from the data in the page, then found and put in
// order. Nothing here touches what is shown.

const shape = JSON.parse(document.getElementById("shape").textContent);

const FINISHED = ["stored", "reused", "failed", "cancelled", "unresolved"];

const rows = [...document.querySelectorAll("script.rows")].flatMap(data => {
  const some = JSON.parse(data.textContent);
  data.remove(); // it is in memory now, once is enough
  for (const row of some) row.group = FINISHED.includes(row.state) ? row.state : "unfinished";
  return some;
});

// What would hide, reorder or break the text around it is shown as an escape.
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc\ufffe\uffff\u{e0000}-\u{e007f}\p{Cs}]/gu;
const escaped = char => {
  const digits = char.codePointAt(0).toString(16);
  return digits.length < 3 ? `\\x${digits.padStart(2, "0")}` : digits.length < 5 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
};
const visible = text => String(text).replaceAll("\r\n", "\n").replace(UNSEEN, escaped);

/** A web address; null for all else, such as `javascript:` or a path. */
function web(text) {
  if (!text || visible(text) !== text) return null;
  try {
    return ["http:", "https:"].includes(new URL(text).protocol) ? text : null;
  } catch {
    return null;
  }
}

/** The link from this page to a key of the same store; null for one that leaves it. */
function beside(key) {
  const parts = key ? key.split("/").filter(part => part && part !== ".") : [];
  if (!parts.length || key.startsWith("/") || parts.includes("..")) return null;
  const isHere = parts.length > 1 && parts[0] === shape.batch;
  // Never without dots in front: what follows could be read as a scheme or a host.
  return (isHere ? "./" : "../") + parts.slice(isHere ? 1 : 0).map(encodeURIComponent).join("/");
}

const hasVideo = row => row.group === "stored" || row.group === "reused";
const videoOf = row => hasVideo(row) ? beside(row.key) : null;
const posterOf = row => hasVideo(row) ? beside(row.poster) : null;

/** What a row's own columns call the product; its id where they do not. */
const TITLES = ["title", "name", "product name", "product title", "titel", "titre", "titolo", "nombre"];
const SKUS = ["sku", "variant sku", "article number", "artikelnummer"];
const ownOf = (row, names) => {
  const column = Object.keys(row.data).find(name => names.includes(name.toLowerCase().replace("_", " ")));
  return column ? row.data[column] : "";
};
const titleOf = row => ownOf(row, TITLES) || row.id;
const skuOf = row => [ownOf(row, SKUS), titleOf(row) === row.id ? "" : row.id].filter(Boolean).join(" · ");

/** A next step as its words and the command at its end. */
function stepOf(sentence) {
  const at = sentence.search(/\breelmill [a-z]/);
  return at < 0 ? [sentence, ""] : [sentence.slice(0, at).trimEnd(), sentence.slice(at).trimEnd()];
}

/** A word for a shell. */
const quoted = word => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

const TROUBLE = ["failed", "unresolved", "unfinished", "cancelled", "stored", "reused"];
const natural = new Intl.Collator("en", { numeric: true });

const KEYS = {
  line: row => row.line,
  cost: row => Number(row.charged_usd) - Number(row.refunded_usd),
  time: row => row.generated_s ?? Infinity,
  state: row => TROUBLE.indexOf(row.group),
  quality: row => row.quality ? -2 * row.quality.findings.length - 100 * (row.quality.verdict === "fail") : 1,
};
/** Orders by text. */
const TEXTS = { id: row => row.id, title: titleOf };

/** All rows in an order; each order is made once. A `-` turns it round. */
const orders = new Map();
function ordered(sort) {
  if (!orders.has(sort)) {
    const way = sort.startsWith("-") ? -1 : 1;
    const key = KEYS[sort.replace("-", "")];
    const compared = key
      ? rows.map((row, n) => [key(row), n]).sort((a, b) => unknownLast(a[0], b[0], way) || a[1] - b[1])
      : rows.map((row, n) => [TEXTS[sort.replace("-", "")](row), n]).sort((a, b) => way * natural.compare(a[0], b[0]) || a[1] - b[1]);
    orders.set(sort, compared.map(([, n]) => rows[n]));
  }
  return orders.get(sort);
}

/** What is not known stands last, whichever way the others go. */
function unknownLast(a, b, way) {
  if (a === Infinity || b === Infinity) return (a === Infinity) - (b === Infinity);
  return way * (a - b);
}

/** The text of a row that a search looks through; made when it is first searched. */
const texts = new WeakMap();
function textOf(row) {
  if (!texts.has(row)) {
    const parts = [row.id, row.prompt, row.image, row.model, row.options, row.prediction_id,
      ...Object.values(row.error ?? {}), ...Object.entries(row.data).flat()];
    texts.set(row, parts.filter(Boolean).join("\n").toLowerCase());
  }
  return texts.get(row);
}

/** Rows that a filter lets through, in its order. Every word of its text must be there. */
function matching({ states, model, text, code, reason, sort }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ordered(sort).filter(row =>
    (!states.length || states.includes(row.group)) &&
    (!model || row.model === model) &&
    (!code || row.error?.code === code) &&
    (!reason || row.error?.reason === reason) &&
    words.every(word => textOf(row).includes(word)));
}
