/* The form by which a rollout is made: no plan is asked for before there is a package, and what is wrong stands at its
   field. The form works without this. */
"use strict";
(() => {
  const form = document.getElementById("make");
  if (!form) return;
  const zone = form.elements["hours.zone"];
  if (zone && !zone.value) zone.placeholder = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function clear() {
    for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
    for (const each of form.querySelectorAll(".wrong")) { each.hidden = true; each.textContent = ""; }
  }

  function mark(note, focus) {
    clear();
    unsay();
    const field = document.getElementById(note.dataset.wrong);
    const place = document.getElementById(`${note.dataset.wrong}-wrong`);
    if (!field && !place) return;
    const said = [...note.querySelectorAll("[data-problem]")].flatMap((each) => [...each.cloneNode(true).childNodes]);
    if (place) { place.replaceChildren(...said); place.hidden = false; }
    if (!field) return;
    field.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
    if (focus) field.focus();
  }

  /* What the button says is of the plan that is seen; of one that is not there yet it says nothing. */
  function unsay() {
    const label = document.getElementById("start-label");
    label.textContent = label.dataset.plain;
  }

  /* Where it is not said yet what is meant there is nothing to be planned. */
  function isBlank() {
    const whom = form.elements.whom.value;
    return !form.elements.package.value || (whom !== "all" && !form.elements[`targets.${whom}`].value.trim());
  }

  /* Rows that nothing stands in are there when they are asked for; one that is taken away has the next in its place, so
     that they stay numbered. */
  function rows(box) {
    const all = [...box.querySelectorAll("[data-row]")], add = document.getElementById(box.dataset.add);
    const fields = (row) => [...row.querySelectorAll("input, select")];
    const filled = (row) => fields(row).some((each) => each.type === "checkbox" ? each.checked : each.matches("input") && each.value.trim());
    const shown = () => all.filter((row) => !row.hidden);
    function show() {
      const open = shown();
      add.hidden = open.length === all.length;
      for (const row of all) row.querySelector("[data-clear]").hidden = open.length < 2;
    }
    const last = all.findLastIndex(filled);
    all.forEach((row, place) => { row.hidden = place > last && place >= Number(box.dataset.rows); });
    add.addEventListener("click", () => {
      const row = all.find((each) => each.hidden);
      row.hidden = false;
      show();
      fields(row)[0].focus();
    });
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-clear]")?.closest("[data-row]");
      if (!row) return;
      const open = shown(), from = open.indexOf(row);
      open.slice(from).forEach((each, place) => {
        const next = open[from + place + 1];
        fields(each).forEach((field, n) => {
          const other = next && fields(next)[n];
          if (field.type === "checkbox") field.checked = Boolean(other?.checked);
          else if (field.matches("select")) field.selectedIndex = other ? other.selectedIndex : 0;
          else field.value = other ? other.value : "";
        });
      });
      open.at(-1).hidden = true;
      show();
      (open[from + 1] ? row.querySelector("[data-clear]") : add).focus();
      form.dispatchEvent(new Event("change", { bubbles: true }));
      unsay();
    });
    show();
  }
  form.querySelectorAll("[data-rows]").forEach(rows);

  form.addEventListener("input", unsay);
  document.addEventListener("htmx:beforeRequest", (event) => {
    const asker = event.detail.elt;
    if (asker.id === "start") document.getElementById("said").replaceChildren();
    if (asker !== form || !isBlank()) return;
    event.preventDefault();
    const plan = document.getElementById("plan");
    const how = document.createElement("p");
    how.className = "faint";
    how.textContent = plan.dataset.how;
    plan.replaceChildren(how);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id !== "plan" && target.id !== "said") return;
    const note = target.querySelector("[data-wrong]");
    if (note) mark(note, target.id === "said");
    else clear();
  });
})();
