/* What a page tells of a problem of /v1: as a note, and at the field that it is about. Nothing that was typed is touched. */
"use strict";
window.Upwell.telling = (form, place) => {
  const made = (tag, given) => Object.assign(document.createElement(tag), given);

  function note(problem) {
    const box = made("div", { className: "note bad" }), text = made("p", {});
    if (problem.title) text.append(made("strong", { textContent: problem.title, lang: "en" }));
    const there = (problem.errors || []).filter((each) => !fieldOf(each)).map((each) => `${each.parameter}: ${each.problem}. ${each.try}`);
    const said = problem.errors ? there : [problem.detail, problem.try].filter((each) => each && each !== problem.title);
    for (const each of said) text.append(made("span", { textContent: each }));
    box.append(text);
    return box;
  }

  function fieldOf({ parameter }) {
    const field = form.elements[parameter.replace(/\[.*/, "")];
    return field && field.id && field.type !== "hidden" ? field : null;
  }

  function clear(field) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    document.getElementById(`${field.id}-wrong`)?.remove();
  }

  function mark(field, { problem, try: advice }) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", `${field.id}-wrong`);
    field.closest(".field").after(made("p", { className: "wrong", id: `${field.id}-wrong`, lang: "en", textContent: `${problem}. ${advice}` }));
  }

  form.addEventListener("input", (event) => { if (event.target.hasAttribute("aria-invalid")) clear(event.target); });

  return {
    tell(problem) {
      for (const each of form.querySelectorAll("[aria-invalid]")) clear(each);
      place.replaceChildren(note(problem));
      let first = null;
      for (const each of problem.errors || []) {
        const field = fieldOf(each);
        if (!field) continue;
        mark(field, each);
        first ||= field;
      }
      first?.closest("details")?.setAttribute("open", "");
      first?.focus();
    },
    calm() { place.replaceChildren(); },
  };
};
