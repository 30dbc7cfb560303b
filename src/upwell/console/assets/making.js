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
    const said = [...note.querySelectorAll("[data-problem]")].map((each) => each.textContent).join(" ");
    if (place) { place.textContent = said; place.hidden = false; }
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
