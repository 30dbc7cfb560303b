/* How a rollout went: devices that succeeded and failed, and those at work, over time. The numbers stand in the page; what
   is drawn here is drawn anew when the part is sent again. */
"use strict";
(() => {
  const shown = document.documentElement.lang;
  const language = navigator.language.startsWith(shown) ? navigator.language : shown;
  const local = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const HEIGHT = 200, COLOURS = ["--good", "--bad", "--info"];
  let plot = null, box = null;

  /* From where it began, when nothing had happened, to now or to its end, as it stands then. */
  function data({ curve, last, since, until }) {
    const xs = curve.at.map((each) => Date.parse(each) / 1000);
    const from = Math.min(...(since ? [Date.parse(since) / 1000] : []), ...xs);
    const end = until ? Date.parse(until) / 1000 : Date.now() / 1000;
    const rows = [curve.succeeded, curve.failed, curve.at_work].map((each, n) => [0, ...each, last[n]]);
    return [[from, ...xs, Math.max(end, (xs.at(-1) ?? from) + 1)], ...rows];
  }

  function axis(of, ticks) {
    const span = ticks.at(-1) - ticks[0];
    const form = new Intl.DateTimeFormat(language, span > 172800 ? { month: "short", day: "numeric" } : span > 900 ? { hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    return ticks.map((each) => form.format(each * 1000));
  }

  function tell(of, names) {
    let tip = box.querySelector(".tip");
    if (!tip) { tip = document.createElement("div"); tip.className = "tip"; box.append(tip); }
    const at = of.cursor.idx;
    tip.hidden = at === null || at === undefined;
    if (tip.hidden) return;
    const lines = [local.format(of.data[0][at] * 1000), ...names.map((name, n) => `${name}: ${of.data[n + 1][at].toLocaleString(language)}`)];
    tip.replaceChildren(...lines.map((text, n) => { const made = document.createElement(n ? "span" : "strong"); made.textContent = text; return made; }));
  }

  function draw() {
    const here = document.querySelector(".curve");
    if (!here || !window.uPlot || (here === box && plot)) return;
    plot?.destroy();
    box = here;
    const css = getComputedStyle(box), colour = (name) => css.getPropertyValue(name).trim();
    const names = JSON.parse(box.dataset.names), stepped = uPlot.paths.stepped({ align: 1 });
    const font = `12px ${css.fontFamily}`;
    plot = new uPlot({
      width: box.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { show: false }, drag: { x: false } },
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1)] } },
      axes: [
        { stroke: colour("--ink-2"), grid: { show: false }, ticks: { stroke: colour("--line") }, font, space: 90, values: axis },
        { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font, size: 56, values: (_, ticks) => ticks.map((each) => (Number.isInteger(each) ? each.toLocaleString(language) : "")) },
      ],
      series: [{}, ...names.map((label, n) => ({ label, stroke: colour(COLOURS[n]), width: n < 2 ? 2 : 1, dash: n < 2 ? undefined : [4, 3], fill: n === 0 ? colour("--good-weak") : undefined, paths: stepped, points: { show: false } }))],
      hooks: { setCursor: [(of) => tell(of, names)] },
    }, data({ curve: JSON.parse(box.dataset.curve), last: JSON.parse(box.dataset.last), since: box.dataset.since, until: box.dataset.until }), box);
  }

  function again() { plot?.destroy(); plot = null; box = null; draw(); }

  for (const event of ["htmx:sseMessage", "htmx:afterSettle"]) document.addEventListener(event, draw);
  addEventListener("resize", () => plot?.setSize({ width: box.clientWidth, height: HEIGHT }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  draw();
})();
