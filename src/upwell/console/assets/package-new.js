/* The page of a new package: a file that is dropped or chosen goes at once, while the rest is typed; what was typed stays
   whatever happens. */
"use strict";
(() => {
  const form = document.getElementById("new-package");
  if (!form) return;
  const { ask, freshKey, size, fill, Sending, Lost, Refused } = window.Upwell;
  const at = (id) => document.getElementById(id);
  const say = form.dataset, csrf = form.elements.csrf.value;
  const drop = at("drop"), chooser = at("file"), box = at("sent"), bar = at("sent-bar");
  const { tell, calm } = window.Upwell.telling(form, at("told-form"));
  let sending = null, complete = null, wanted = false, made = false, key = null, began = { at: 0, sent: 0 };

  /* --- the file ------------------------------------------------------------------------------------------------------- */

  async function take(file) {
    if (!file) return;
    if (!file.size) { tell({ detail: say.empty }); return; }
    if (file.size > Number(say.most)) { tell({ detail: fill(say.large, { n: size(Number(say.most)) }) }); return; }
    calm();
    const before = sending;
    complete = null;
    suggest(file.name);
    at("sent-name").textContent = file.name;
    at("sent-here").textContent = at("sent-there").textContent = "";
    box.hidden = false;
    form.dataset.stage = "sending";
    const mine = sending = new Sending(file, say.worker, csrf, (now) => { if (now === sending) show(now); });
    if (before && before.state !== "complete") await before.giveUp();
    began = { at: performance.now(), sent: null };
    show(mine);
    try {
      const upload = await mine.run();
      if (mine !== sending) return;
      complete = upload;
      at("sent-here").textContent = mine.sha256;
      at("sent-there").textContent = say.same;
      if (wanted) make();
    } catch (error) {
      if (mine !== sending || error === null) return;
      mine.state = "failed";
      show(mine);
      tell(error instanceof Refused ? error.problem : { detail: String(error) });
    }
  }

  const FIXED = ["paused", "waiting", "checking", "complete", "failed"];
  let shown = "";

  function show(now) {
    form.dataset.stage = now.state;
    bar.max = now.file.size;
    bar.value = now.sent;
    if (began.sent === null && now.sent) began = { at: performance.now(), sent: now.sent };
    const seconds = (performance.now() - began.at) / 1000, rate = (now.sent - (began.sent || 0)) / seconds;
    const parts = [fill(say.of, { sent: size(now.sent), size: size(now.file.size) })];
    if (now.state === "sending" && seconds > 2 && rate > 0) {
      parts.push(`${size(rate)}/s`, fill(say.left, { n: duration((now.file.size - now.sent) / rate) }));
    }
    at("sent-numbers").textContent = parts.join(" · ");
    if (now.sha256) at("sent-here").textContent = now.sha256;
    const state = wanted && now.state === "sending" ? "wanted" : now.state;
    if (state === shown) return;
    if (shown === "paused" || shown === "waiting") began = { at: performance.now(), sent: null };
    shown = state;
    at("sent-state").textContent = say[state]; // a live region: it says changes alone
    const held = document.activeElement;
    at("pause").hidden = now.state !== "sending" && now.state !== "waiting";
    at("resume").hidden = now.state !== "paused";
    at("again").hidden = now.state !== "failed";
    at("give-up").hidden = FIXED.slice(2).includes(now.state);
    if (held && held.hidden) [at("pause"), at("resume"), at("again")].find((each) => !each.hidden)?.focus();
  }

  function duration(seconds) {
    const short = (value, unit) => new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "short" }).format(value);
    return seconds < 90 ? short(Math.max(1, Math.round(seconds)), "second") : short(Math.round(seconds / 60), "minute");
  }

  function suggest(name) {
    const stem = name.replace(/(\.(bin|img|zip|gz|tar|xz|zst|swu|hex|uf2))+$/i, "");
    const version = stem.match(/\d+(\.\d+)+([-.][A-Za-z0-9]+)*/)?.[0] || "";
    if (!form.elements.name.value) form.elements.name.value = stem.slice(0, 64);
    if (!form.elements.version.value && version) form.elements.version.value = version.slice(0, 64);
  }

  chooser.addEventListener("change", () => take(chooser.files[0]));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault()); // beside it nothing is opened
  at("pause").addEventListener("click", () => sending?.pause());
  at("resume").addEventListener("click", () => sending?.resume());
  at("again").addEventListener("click", () => take(sending?.file));
  at("give-up").addEventListener("click", () => {
    sending?.giveUp();
    sending = complete = null;
    wanted = false;
    shown = "";
    box.hidden = true;
    form.dataset.stage = "";
    chooser.value = "";
    chooser.focus();
  });
  addEventListener("online", () => sending?.hurry());
  addEventListener("beforeunload", (event) => { if (sending && !made) event.preventDefault(); });

  /* --- what is said of it ----------------------------------------------------------------------------------------------- */

  const LISTS = ["source_versions", "after"];

  function said() {
    const body = { upload_id: complete.id, sha256: complete.sha256 };
    for (const name of ["name", "version", "product_id", "module", "delta_from", "description", "note"]) {
      const value = form.elements[name].value.trim();
      if (value && !form.elements[name].disabled) body[name] = value;
    }
    for (const name of LISTS) {
      const values = form.elements[name].value.split(/[\s,]+/).filter(Boolean);
      if (values.length) body[name] = values;
    }
    body.verify = form.elements.verify.checked;
    return body;
  }

  async function make() {
    const button = at("make");
    button.disabled = true;
    try {
      key ||= freshKey(); // the same until there is an answer: one that was lost on its way is told again
      const told = await ask(csrf, "POST", "/packages", said(), key);
      sending.forget();
      made = true;
      location.assign(`${say.packages}/${encodeURIComponent(told.id)}`);
    } catch (error) {
      if (!(error instanceof Lost)) key = null;
      tell(error instanceof Lost ? { detail: document.getElementById("main").dataset.lost } : error.problem || { detail: String(error) });
    } finally { button.disabled = false; wanted = false; if (sending) show(sending); }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!sending) { tell({ detail: say.none }); chooser.focus(); return; }
    calm();
    if (complete) { make(); return; }
    wanted = true;
    show(sending);
  });
})();
