/* What pages of the console do beyond their forms and links: times as people say them, dialogs, charts, and what is
   kept when a part of the page is sent again. Everything works from attributes; there is no page of its own here. */
"use strict";
(() => {
  const shown = document.documentElement.lang;
  const language = navigator.language.startsWith(shown) ? navigator.language : shown;
  const local = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const whole = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function ago(at) {
    const seconds = (at - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS.at(-1);
    return relative.format(Math.trunc(seconds / length), unit);
  }

  function times(root) {
    for (const each of root.querySelectorAll("time[data-time]")) {
      const at = new Date(each.dateTime);
      const text = each.dataset.time === "ago" ? ago(at) : local.format(at);
      if (each.textContent !== text) each.textContent = text;
      each.title = each.dataset.time === "ago" ? whole.format(at) : `${whole.format(at)} (${ago(at)})`;
    }
  }

  /* --- charts: how many devices run which version, hour by hour, one upon the other -------------------------------- */

  const SHOWN = 6;
  const HOUR = 3600, SPAN = 6 * HOUR; // one hour alone is drawn as one, at the end of some
  const drawn = new Map();

  function series(hours, others) {
    const latest = hours[0].versions.slice(0, SHOWN).map((each) => each.version);
    const points = [...hours].reverse();
    const xs = points.map((each) => Date.parse(each.at) / 1000);
    const now = Date.now() / 1000;
    const counts = points.map((hour) => {
      const known = new Map(hour.versions.map((each) => [each.version, each.devices]));
      const all = hour.versions.reduce((sum, each) => sum + each.devices, 0) + (hour.unknown || 0) + (hour.others || 0);
      const shown = latest.map((version) => known.get(version) || 0);
      return [...shown, all - shown.reduce((sum, each) => sum + each, 0)];
    });
    const end = Math.max(now, xs.at(-1) + HOUR);
    xs.push(end); counts.push(counts.at(-1));
    const names = [...latest, others];
    const used = names.map((_, place) => place).filter((place) => counts.some((each) => each[place]));
    let below = xs.map(() => 0);
    const stacks = used.map((place) => (below = below.map((sum, n) => sum + counts[n][place])));
    return { xs, stacks, names: used.map((place) => names[place]), colours: used, counts: used.map((p) => counts.map((c) => c[p])) };
  }

  function chart(box) {
    if (!window.uPlot || drawn.has(box)) return;
    const css = getComputedStyle(box);
    const colour = (name) => css.getPropertyValue(name).trim();
    const { xs, stacks, names, colours, counts } = series(JSON.parse(box.dataset.chart), box.dataset.others);
    const stepped = uPlot.paths.stepped({ align: 1 });
    const order = stacks.map((_, n) => n).reverse();
    const plot = new uPlot({
      width: box.clientWidth, height: 240, legend: { show: false }, cursor: { y: false, points: { show: false }, drag: { x: false } },
      scales: { x: { range: (_, min, max) => [Math.min(min, max - SPAN), max] }, y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1)] } },
      axes: [
        { stroke: colour("--ink-2"), grid: { show: false }, ticks: { stroke: colour("--line") }, font: `12px ${css.fontFamily}`, space: 72, values: hoursOf },
        { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `12px ${css.fontFamily}`, size: 56,
          values: (_, ticks) => ticks.map((each) => (Number.isInteger(each) ? each.toLocaleString(language) : "")) },
      ],
      series: [{}, ...order.map((n) => ({ label: names[n], stroke: colour(`--chart-${colours[n]}`), fill: colour(`--chart-${colours[n]}`), width: 0, paths: stepped, points: { show: false } }))],
      hooks: { setCursor: [(of) => tell(of, box, names, counts, xs)] },
    }, [xs, ...order.map((n) => stacks[n])], box);
    drawn.set(box, plot);
  }

  function hoursOf(of, ticks) {
    const days = ticks.length > 1 && ticks.at(-1) - ticks[0] >= 86400 * 2;
    const form = new Intl.DateTimeFormat(language, days ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" });
    return ticks.map((each) => form.format(each * 1000));
  }

  function tell(of, box, names, counts, xs) {
    let tip = box.querySelector(".tip");
    if (!tip) { tip = document.createElement("div"); tip.className = "tip"; box.append(tip); }
    const at = of.cursor.idx;
    tip.hidden = at === null || at === undefined;
    if (tip.hidden) return;
    tip.replaceChildren(line("strong", local.format(xs[at] * 1000)), ...names.map((name, n) => line("span", `${name}: ${counts[n][at].toLocaleString(language)}`)));
  }

  function line(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  function charts() {
    for (const [box, plot] of drawn) if (!box.isConnected) { plot.destroy(); drawn.delete(box); }
    document.querySelectorAll(".chart").forEach(chart);
  }

  /* --- what is kept while a part is sent again ---------------------------------------------------------------------- */

  const part = () => document.getElementById("part");
  let held = false;

  function isBusy() {
    const here = part();
    if (!here) return false;
    const at = document.activeElement;
    return Boolean(here.querySelector("dialog[open]")) || (here.contains(at) && at.matches("input, select, textarea"));
  }

  function opened() {
    return [...(part()?.querySelectorAll("details[open][id]") || [])].map((each) => each.id);
  }

  let before = { focus: "", open: [] };

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (isBusy()) { held = true; event.preventDefault(); return; }
    before = { focus: part()?.contains(document.activeElement) ? document.activeElement.id : "", open: opened() };
  });

  /* What is asked anew after an act takes a dialog from nobody who has opened one meanwhile. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== part() || !isBusy()) return;
    event.detail.shouldSwap = false;
    held = true;
  });

  function release() {
    if (held && !isBusy()) { held = false; htmx.trigger(document.body, "upwell-done"); }
  }

  document.addEventListener("focusout", () => setTimeout(release));

  function settle() {
    for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
    if (before.focus && document.activeElement === document.body) document.getElementById(before.focus)?.focus({ preventScroll: true });
    times(document);
    charts();
    announce();
  }

  /* What a part is about and how that stands is said when it is another; numbers that tick are not. */
  let announced = null;
  function announce() {
    const said = part()?.querySelector("[data-announce]")?.textContent.replace(/\s+/g, " ").trim();
    const region = document.getElementById("announced");
    if (!said || !region) return;
    if (announced !== null && said !== announced) region.textContent = said;
    announced = said;
  }

  document.addEventListener("htmx:sseMessage", settle);
  document.addEventListener("htmx:afterSettle", settle);

  /* --- the server can't be reached ---------------------------------------------------------------------------------- */

  const offline = (is) => { const box = document.getElementById("offline"); if (box) box.hidden = !is; };
  document.addEventListener("htmx:sseError", () => offline(true));
  document.addEventListener("htmx:sseOpen", () => offline(false));
  document.addEventListener("htmx:sendError", () => {
    const told = document.getElementById("told");
    if (!told) return;
    const note = line("div", "");
    note.className = "note bad";
    note.append(line("p", document.getElementById("main").dataset.lost));
    told.replaceChildren(note);
  });

  /* A page that is left, or kept for the back button, hears nothing any more; one that is shown again is asked anew. */
  addEventListener("pagehide", () => document.querySelectorAll("[sse-connect]").forEach((each) => htmx.trigger(each, "htmx:beforeCleanupElement")));
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  /* --- forms and dialogs -------------------------------------------------------------------------------------------- */

  function open(opener) {
    const dialog = document.getElementById(opener.dataset.open);
    const form = dialog?.querySelector("form");
    if (form && opener.dataset.to) { form.action = opener.dataset.to; form.dataset.to = opener.dataset.to; }
    const what = dialog?.querySelector("[data-what]");
    if (what && opener.dataset.what) what.textContent = opener.dataset.what;
    dialog?.querySelector("[role=alert]")?.replaceChildren();
    dialog?.showModal();
  }

  async function copy(button) {
    const shown = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(shown); // a browser without leave to copy: it is chosen, for the person to copy
    }
  }

  document.addEventListener("click", (event) => {
    const on = (name) => event.target.closest?.(`[${name}]`);
    if (on("data-open")) open(on("data-open"));
    if (on("data-close")) on("data-close").closest("dialog").close();
    if (on("data-copy")) copy(on("data-copy"));
    if (on("data-away")) { on("data-away").closest(".made").remove(); document.getElementById("main").focus(); }
  });

  /* What was refused is marked where it was typed, until something else is. */
  function mark(form) {
    const wrong = form.querySelector("[data-wrong]")?.dataset.wrong;
    const field = wrong && form.querySelector(`[name="${CSS.escape(wrong.replace(/\[\d+\]$/, ""))}"]`);
    if (!field) return;
    field.setAttribute("aria-invalid", "true");
    field.focus();
    field.addEventListener("input", () => field.removeAttribute("aria-invalid"), { once: true });
  }
  document.addEventListener("close", () => setTimeout(release), true);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest?.("form[data-closes]");
    if (!form) return;
    const here = form.querySelector(".told-here"); // what is told lies behind an open dialog
    if (here) here.replaceChildren(...(event.detail.successful ? [] : [...document.getElementById("told").children].map((each) => each.cloneNode(true))));
    if (!event.detail.successful) { mark(form); return; }
    form.closest("dialog")?.close();
    form.reset();
  });
  document.addEventListener("htmx:afterSettle", () => document.querySelector("[data-focus]:not(:focus-within)")?.focus());
  document.addEventListener("change", (event) => {
    const off = event.target.dataset?.turnsOff;
    if (off) document.getElementById(off).disabled = event.target.checked;
  });
  document.addEventListener("change", (event) => event.target.closest("form[data-submits]")?.requestSubmit());
  document.addEventListener("htmx:configRequest", (event) => {
    const to = event.target.dataset?.to;
    if (to) event.detail.path = to;
    if (!event.target.closest?.("form[data-tidy]")) return;
    const given = event.detail.parameters;
    for (const name of Object.keys(given)) if (given[name] === "") delete given[name];
  });

  addEventListener("resize", () => { for (const [box, plot] of drawn) plot.setSize({ width: box.clientWidth, height: 240 }); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [box, plot] of drawn) { plot.destroy(); drawn.delete(box); }
    charts();
  });
  setInterval(() => times(document), 30000);
  times(document);
  charts();
  announce();
})();
