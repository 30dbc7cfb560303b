/* Devices of the table that are selected, and what is done to them: one request of /v1 each, in turn, so that one which is
   refused keeps no other, and who did what is written of each. Those that were refused stay selected, and say why. */
"use strict";
(() => {
  const bar = document.getElementById("bulk");
  if (!bar) return;
  const { ask, fill, Lost, Refused } = window.Upwell;
  const say = bar.dataset, language = document.documentElement.lang;
  const boxes = () => [...document.querySelectorAll("#list [name=chosen]")];
  const chosen = () => boxes().filter((each) => each.checked);
  const many = (of, n, more) => fill(n === 1 ? of.one : of.many, { n: n.toLocaleString(language), ...more });
  const device = (id) => `/devices/${encodeURIComponent(id)}`;

  const EACH = {
    tag: (id, { key, value }) => ask(say.csrf, "POST", `${device(id)}/tags`, { tags: { [key]: value } }),
    untag: (id, { key }) => ask(say.csrf, "DELETE", `${device(id)}/tags/${encodeURIComponent(key)}`),
    disable: (id) => ask(say.csrf, "PATCH", device(id), { enabled: false }),
    enable: (id) => ask(say.csrf, "PATCH", device(id), { enabled: true }),
    release: (id) => ask(say.csrf, "POST", `${device(id)}/release`),
    remove: (id) => ask(say.csrf, "DELETE", device(id)),
  };
  const WHOLE = { group: (ids, { group_id }) => ask(say.csrf, "POST", `/groups/${encodeURIComponent(group_id)}/members`, { device_ids: ids }) };

  function count() {
    const n = chosen().length, all = document.getElementById("choose-all");
    bar.hidden = !n;
    if (n) document.getElementById("bulk-count").textContent = many({ one: say.chosenOne, many: say.chosen }, n);
    if (!all) return;
    all.checked = n > 0 && n === boxes().length;
    all.indeterminate = n > 0 && n < boxes().length;
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "choose-all") for (const each of boxes()) each.checked = event.target.checked;
    if (event.target.id === "choose-all" || event.target.name === "chosen") count();
  });
  document.addEventListener("htmx:afterSettle", count);
  document.getElementById("bulk-none").addEventListener("click", () => {
    for (const each of boxes()) each.checked = false;
    count();
    document.getElementById("choose-all")?.focus();
  });

  document.addEventListener("click", (event) => { // what it would do, with how many, before the dialog is seen
    const opener = event.target.closest("[data-open^='bulk-']");
    const form = opener && document.getElementById(opener.dataset.open).querySelector("form");
    if (!form) return;
    const some = chosen(), shown = some.slice(0, 8).map((each) => each.dataset.name);
    form.querySelector("h2").textContent = many({ one: form.dataset.sureOne, many: form.dataset.sure }, some.length);
    form.querySelector("[data-names]").textContent = shown.join(", ") + (some.length > shown.length ? " …" : "");
    form.querySelector("[data-progress]").textContent = "";
    form.querySelector(".told-here").replaceChildren();
  }, true);

  async function all(act, given, some, told) {
    const done = [], refused = [];
    if (WHOLE[act]) {
      await WHOLE[act](some.map((each) => each.value), given).then(() => done.push(...some), (error) => refused.push([null, error]));
      return { done, refused };
    }
    for (const box of some) {
      try { await EACH[act](box.value, given); done.push(box); } catch (error) {
        refused.push([box, error]);
        if (error instanceof Lost || [401, 403, 429].includes(error.status)) break; // the next one would not go either
      }
      told(done.length + refused.length);
    }
    return { done, refused };
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-bulk]");
    if (!form) return;
    event.preventDefault();
    const some = chosen(), button = form.querySelector("[type=submit]");
    const progress = form.querySelector("[data-progress]");
    const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    button.disabled = true;
    const { done, refused } = await all(form.dataset.bulk, given, some, (n) => { progress.textContent = fill(say.doing, { n, all: some.length }); });
    button.disabled = false;
    const lines = refused.slice(0, 10).map(([box, error]) => `${box ? `${box.dataset.name}: ` : ""}${reason(error)}`);
    const note = told(done.length, refused.length, lines);
    for (const each of done) each.checked = false;
    progress.textContent = "";
    if (refused.length) { form.querySelector(".told-here").replaceChildren(note); } else {
      form.closest("dialog").close();
      document.getElementById("told").replaceChildren(note);
    }
    if (done.length) refresh(new Set(chosen().map((each) => each.value))); else count();
  });

  function reason(error) {
    if (error instanceof Lost) return say.lost;
    const wrong = error instanceof Refused && error.problem.errors?.[0];
    return wrong ? `${wrong.parameter}: ${wrong.problem}. ${wrong.try}` : error.message;
  }

  function told(done, refused, lines) {
    const box = document.createElement("div"), text = document.createElement("p");
    box.className = refused ? "note bad" : "note good";
    const line = (tag, said) => text.append(Object.assign(document.createElement(tag), { textContent: said }));
    if (done || !refused) line("strong", many({ one: say.doneOne, many: say.done }, done));
    if (refused) line("strong", many({ one: say.refusedOne, many: say.refused }, refused));
    for (const each of lines) line("span", each);
    box.append(text);
    return box;
  }

  function refresh(kept) { // the list as it is now; what was not done stays selected
    const again = () => {
      for (const each of boxes()) each.checked = kept.has(each.value);
      count();
    };
    document.addEventListener("htmx:afterSettle", again, { once: true });
    htmx.ajax("GET", location.href, { source: "#list", target: "#list", select: "#list", swap: "outerHTML" });
  }

  addEventListener("pageshow", count);
  count();
})();
