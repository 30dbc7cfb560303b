/* The rows of a condition: which operators a field has, which rows there are; and a look at what it means, as one types. */
"use strict";
(() => {
  const form = document.getElementById("new-group");
  if (!form) return;
  const operators = JSON.parse(form.dataset.operators);
  const rows = [...form.querySelectorAll("[data-row]")], add = document.getElementById("add-row"), look = document.getElementById("look");
  const part = (row, name) => form.elements[`rows[${row.dataset.row}].${name}`];
  const LOOK_MS = 500;
  let waits = 0;

  function fit(row) {
    const field = part(row, "field").value, operator = part(row, "operator");
    for (const each of operator.options) each.hidden = each.disabled = !operators[field].includes(each.value);
    if (operator.selectedOptions[0]?.disabled) operator.value = operators[field][0];
    part(row, "key").hidden = !["tag", "version"].includes(field);
    part(row, "values").hidden = operator.value === "exists";
    part(row, "values").setAttribute("list", `known-${field}`);
    if (part(row, "key").hidden) part(row, "key").value = "";
    if (part(row, "values").hidden) part(row, "values").value = "";
  }

  function show() {
    const open = rows.filter((row) => !row.hidden);
    add.hidden = open.length === rows.length;
    for (const row of rows) row.querySelector("[data-clear]").hidden = open.length < 2;
  }

  function soon() {
    clearTimeout(waits);
    const dynamic = form.elements.kind.value === "dynamic";
    document.getElementById("rows").hidden = look.hidden = !dynamic;
    const filled = rows.some((row) => !row.hidden && (part(row, "values").value.trim() || part(row, "key").value.trim()));
    if (dynamic && filled) waits = setTimeout(() => htmx.trigger("#preview", "look"), LOOK_MS);
  }

  rows.forEach((row, place) => { row.classList.remove("spare"); row.hidden = place > 0; fit(row); });
  add.addEventListener("click", () => {
    const row = rows.find((each) => each.hidden);
    row.hidden = false;
    show();
    part(row, "field").focus();
  });
  form.addEventListener("click", (event) => {
    const row = event.target.closest("[data-clear]")?.closest("[data-row]");
    if (!row) return;
    part(row, "values").value = part(row, "key").value = "";
    row.hidden = true;
    show();
    add.focus();
    soon();
  });
  form.addEventListener("change", (event) => { const row = event.target.closest("[data-row]"); if (row) fit(row); soon(); });
  form.addEventListener("input", soon);
  look.addEventListener("click", (event) => { event.preventDefault(); htmx.trigger("#preview", "look"); });
  show();
  soon();
})();
