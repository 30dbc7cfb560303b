/* Devices that are selected, of the table or all that fit its filters, and what is done to them: one request of /v1 each,
   in turn, so that one which is refused keeps no other, and who did what is written of each. All that fit are BEYOND_MAX at
   most, each known by its id before anything is asked; of more none is selected. What was not done, or was refused,
   stays selected, and says why. A dialog that is closed asks for no more. */
"use strict";
(() => {
  const bar = document.getElementById("bulk");
  if (!bar) return;
  const { ask, fill, Lost, Refused } = window.Upwell;
  const say = bar.dataset, language = document.documentElement.lang;
  const boxes = () => [...document.querySelectorAll("#list [name=chosen]")];
  const BEYOND_MAX = 2000, JOINED_MAX = 200; // devices; those that one request puts in a group
  const beyond = new Map(); // selected devices that are not on the page: their names, by id
  const onPage = () => boxes().filter((each) => each.checked);
  const chosen = () => {
    const found = new Map(beyond);
    for (const each of onPage()) found.set(each.value, each.dataset.name);
    return [...found].map(([id, name]) => ({ id, name }));
  };
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
    const here = onPage().length;
    all.checked = here > 0 && here === boxes().length;
    all.indeterminate = n > 0 && !all.checked;
  }

  function forget() {
    beyond.clear();
    const told = document.getElementById("beyond-told");
    if (told) told.textContent = "";
  }

  /* All that fit, page by page by the list's own cursors, or none of them where they are too many. */
  async function find(path, told) {
    const found = new Map();
    for (let cursor = ""; ;) {
      const page = await ask(say.csrf, "GET", path + (cursor && `&cursor=${encodeURIComponent(cursor)}`));
      for (const each of page.items) found.set(each.id, each.nickname || each.name);
      if (found.size > BEYOND_MAX) return null;
      if (!page.next_cursor) return found;
      told.textContent = fill(say.looking, { n: found.size.toLocaleString(language) });
      cursor = page.next_cursor;
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#choose-beyond");
    if (!button || button.getAttribute("aria-busy")) return;
    let told = document.getElementById("beyond-told");
    button.setAttribute("aria-busy", "true");
    beyond.clear();
    try {
      const found = await find(button.dataset.path, told);
      if (document.getElementById("choose-beyond")?.dataset.path !== button.dataset.path) return; // another list by now
      told = document.getElementById("beyond-told");
      if (found) for (const [id, name] of found) beyond.set(id, name);
      for (const each of boxes()) each.checked = found ? found.has(each.value) : each.checked;
      told.textContent = found ? many({ one: say.chosenOne, many: say.chosen }, found.size) : fill(say.tooMany, { n: BEYOND_MAX.toLocaleString(language) });
    } catch (error) { told.textContent = reason(error); }
    button.removeAttribute("aria-busy");
    count();
  });

  document.addEventListener("change", (event) => {
    if (event.target.name === "chosen" && !event.target.checked) beyond.delete(event.target.value);
    if (event.target.id === "choose-all" && !event.target.checked) forget();
    if (event.target.id === "choose-all") for (const each of boxes()) each.checked = event.target.checked;
    if (event.target.id === "choose-all" || event.target.name === "chosen") count();
  });
  document.addEventListener("htmx:beforeSwap", (event) => { // another list: what is selected is of this one
    if (event.detail.target?.id === "list" && !kept) forget();
  });
  document.addEventListener("htmx:afterSettle", count);
  document.getElementById("bulk-none").addEventListener("click", () => {
    for (const each of boxes()) each.checked = false;
    forget();
    count();
    document.getElementById("choose-all")?.focus();
  });

  document.addEventListener("click", (event) => { // what it would do, with how many, before the dialog is seen
    const opener = event.target.closest("[data-open^='bulk-']");
    const form = opener && document.getElementById(opener.dataset.open).querySelector("form");
    if (!form) return;
    const some = chosen(), shown = some.slice(0, 8).map((each) => each.name);
    form.querySelector("h2").textContent = many({ one: form.dataset.sureOne, many: form.dataset.sure }, some.length);
    form.querySelector("[data-names]").textContent = shown.join(", ") + (some.length > shown.length ? " …" : "");
    form.querySelector("[data-progress]").textContent = "";
    form.querySelector(".told-here").replaceChildren();
  }, true);

  /* Once more after a second, where it was asked too often. */
  async function patiently(what) {
    try { return await what(); } catch (error) {
      if (error.status !== 429) throw error;
      await new Promise((done) => setTimeout(done, 1000));
      return what();
    }
  }

  async function all(act, given, some, told, isOpen) {
    const done = [], refused = [];
    const parts = [];
    for (let at = 0; at < some.length; at += WHOLE[act] ? JOINED_MAX : 1) parts.push(some.slice(at, at + (WHOLE[act] ? JOINED_MAX : 1)));
    for (const part of parts) {
      if (!isOpen()) break;
      try {
        await patiently(() => (WHOLE[act] ? WHOLE[act](part.map((each) => each.id), given) : EACH[act](part[0].id, given)));
        done.push(...part);
      } catch (error) {
        refused.push([WHOLE[act] ? null : part[0], error]);
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
    const { done, refused } = await all(form.dataset.bulk, given, some, (n) => { progress.textContent = fill(say.doing, { n, all: some.length }); }, () => form.closest("dialog").open);
    button.disabled = false;
    const lines = refused.slice(0, 10).map(([device, error]) => `${device ? `${device.name}: ` : ""}${reason(error)}`);
    const note = told(done.length, refused.length, lines);
    const gone = new Set(done.map((each) => each.id));
    for (const id of gone) beyond.delete(id);
    for (const each of boxes()) if (gone.has(each.value)) each.checked = false;
    progress.textContent = "";
    const dialog = form.closest("dialog");
    if (refused.length && dialog.open) { form.querySelector(".told-here").replaceChildren(note); } else {
      dialog.close();
      document.getElementById("told").replaceChildren(note);
    }
    count();
    if (done.length) refresh(new Set(chosen().map((each) => each.id)));
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

  let kept = null; // ids that stay selected while the list is asked for anew
  function refresh(some) { // the list as it is now; what was not done stays selected
    kept = some;
    const again = () => {
      for (const each of boxes()) each.checked = some.has(each.value) || beyond.has(each.value);
      kept = null;
      count();
    };
    document.addEventListener("htmx:afterSettle", again, { once: true });
    htmx.ajax("GET", location.href, { source: "#list", target: "#list", select: "#list", swap: "outerHTML" });
  }

  addEventListener("pageshow", count);
  count();
})();
