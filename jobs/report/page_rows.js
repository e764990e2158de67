// The rows: read once from the data in the page, then found and put in order.
// Nothing here touches what is shown.

const shape = JSON.parse(document.getElementById("shape").textContent);

const rows = [...document.querySelectorAll("script.rows")].flatMap(data => {
  const some = JSON.parse(data.textContent);
  data.remove(); // it is in memory now, once is enough
  return some.map(values => Object.fromEntries(shape.columns.map((name, n) => [name, values[n]])));
});

const TROUBLE = ["failed", "unresolved", "unfinished", "cancelled", "stored", "reused"];
const natural = new Intl.Collator("en", { numeric: true });

const KEYS = {
  line: row => row.line,
  cost: row => Number(row.charged) - Number(row.refunded),
  time: row => row.generated_s ?? Infinity,
  state: row => TROUBLE.indexOf(row.group),
};

/** All rows in an order; each order is made once. A `-` turns it round. */
const orders = new Map();
function ordered(sort) {
  if (!orders.has(sort)) {
    const way = sort.startsWith("-") ? -1 : 1;
    const key = KEYS[sort.replace("-", "")];
    const compared = key
      ? rows.map((row, n) => [key(row), n]).sort((a, b) => unknownLast(a[0], b[0], way) || a[1] - b[1])
      : rows.map((row, n) => [row.id, n]).sort((a, b) => way * natural.compare(a[0], b[0]) || a[1] - b[1]);
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
    const parts = [row.id, row.prompt, row.image, shape.models[row.model], row.options, row.prediction,
      ...(row.error ?? []), ...Object.entries(row.data ?? {}).flat()];
    texts.set(row, parts.filter(Boolean).join("\n").toLowerCase());
  }
  return texts.get(row);
}

/** Rows that a filter lets through, in its order. Every word of its text must be there. */
function matching({ states, model, text, code, reason, sort }) {
  const number = shape.reasons.findIndex(([key]) => key === reason);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ordered(sort).filter(row =>
    (!states.length || states.includes(row.group)) &&
    (!model || shape.models[row.model] === model) &&
    (!code || row.error?.[0] === code) &&
    (!reason || row.reason === number) &&
    words.every(word => textOf(row).includes(word)));
}
