// The drawings: shares of the batch, when work began and ran, how long videos took. What
// they mean is told beside them in words; `page.css` has their colours.

const WIDE = 720, HIGH = 120, MINUTE_S = 60;

// A limit further above the most than this is told and not drawn: what was reached
// would be flat.
const FAR = 4;

const number = value => Number(value.toFixed(1));
const most = values => values.reduce((a, b) => Math.max(a, b), 0);

function drawn(...shapes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const all = { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" };
  for (const [name, value] of Object.entries(all)) made.setAttribute(name, value);
  made.append(...shapes);
  return made;
}

function shaped(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
  return made;
}

/** A filled curve that keeps each value for the whole of its step, below its limit. */
function steps(values, limit) {
  const isNear = limit !== null && limit <= FAR * most(values);
  const top = 1.08 * Math.max(most(values), isNear ? limit : 0) || 1;
  const high = value => number(HIGH - HIGH * value / top);
  const points = values.map((value, n) => `V${high(value)}H${number((n + 1) * WIDE / values.length)}`).join("");
  const shapes = [shaped("path", { class: "area", d: `M0 ${HIGH}${points}V${HIGH}Z` }), shaped("path", { class: "edge", d: `M0 ${HIGH}${points}` })];
  if (isNear) shapes.push(shaped("path", { class: "limit", d: `M0 ${high(limit)}H${WIDE}` }));
  return [drawn(...shapes), isNear];
}

/** Starts of the minute that ends with each step; the mean of longer steps. */
function inAMinute(starts, every) {
  if (every >= MINUTE_S) return starts.map(count => count * MINUTE_S / every);
  const span = Math.floor(MINUTE_S / every);
  return starts.map((_, n) => starts.slice(Math.max(0, n + 1 - span), n + 1).reduce((a, b) => a + b, 0));
}

/** How often videos of a kind took how long: bars whose area is their count. */
function spread(times, until) {
  const bounds = times.bins.map(bin => bin.up_to_s);
  const first = bounds.length > 1 ? 2 * bounds[0] - bounds[1] : Math.min(bounds[0] * 0.95, times.p50_s);
  const bars = times.bins.map((bin, n) => {
    const left = n ? bounds[n - 1] : Math.max(0, first);
    return { left, right: bin.up_to_s, density: bin.count / (bin.up_to_s - left || 1) };
  }).filter(bar => bar.density && bar.left < until);
  const densest = most(bars.map(bar => bar.density)) || 1, x = at => Math.min(at, until) * WIDE / until;
  return drawn(
    ...bars.map(({ left, right, density }) => {
      const high = Math.max(2, HIGH * 0.96 * density / densest);
      return shaped("rect", { x: number(x(left) + 1), y: number(HIGH - high), width: number(Math.max(x(right) - x(left) - 2, 1)), height: number(high) });
    }),
    ...["p50", "p90"].map(name => shaped("path", { class: name, d: `M${number(x(times[`${name}_s`]))} 0V${HIGH}` })));
}

const { jobs, timeline, limits } = shape;

let at = 0;
document.querySelector(".shares")?.append(drawn(...shape.groups.map(group => {
  const width = WIDE * jobs[group] / jobs.total;
  at += width;
  return shaped("rect", { class: group, x: number(at - width), y: 0, width: number(width), height: HIGH });
})));

const courses = timeline ? [
  [inAMinute(timeline.starts, timeline.every_s), limits?.videos_per_minute ?? null],
  [timeline.running, limits?.concurrent_videos ?? null],
  [timeline.finished.map((_, n) => timeline.finished.slice(0, n + 1).reduce((a, b) => a + b, 0)), null],
] : [];
for (const [n, figure] of document.querySelectorAll(".chart").entries()) {
  const [svg, hasLimit] = steps(...courses[n]);
  figure.querySelector(".plot").append(svg);
  if (hasLimit) figure.querySelector(".limit").classList.add("limit-key");
}
for (const [n, cell] of document.querySelectorAll(".times td.plot").entries()) cell.append(spread(shape.times[n], shape.until_s));
