/* A list of devices that is dropped or chosen, and sent when one says so. */
"use strict";
(() => {
  const form = document.getElementById("new-import");
  if (!form) return;
  const { send, size, fill, Refused } = window.Upwell;
  const at = (id) => document.getElementById(id);
  const say = form.dataset, chooser = at("file"), drop = at("drop"), bar = at("sent-bar");
  const { tell, calm } = window.Upwell.telling(form, at("told-form"));
  let file = null;

  function take(chosen) {
    if (!chosen) return;
    if (!chosen.size) { tell({ detail: say.empty }); return; }
    if (chosen.size > Number(say.most)) { tell({ detail: fill(say.large, { n: size(Number(say.most)) }) }); return; }
    calm();
    file = chosen;
    at("chosen").textContent = `${file.name} · ${size(file.size)}`;
  }

  chooser.addEventListener("change", () => take(chooser.files[0]));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files[0]));
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!file) { tell({ detail: say.none }); chooser.focus(); return; }
    calm();
    at("make").disabled = true;
    bar.hidden = false;
    bar.max = file.size;
    at("sent-state").textContent = say.sending;
    const type = /\.(ndjson|jsonl)$/i.test(file.name) ? "application/x-ndjson" : "text/csv";
    const path = `/imports?product_id=${encodeURIComponent(form.elements.product_id.value)}`;
    try {
      const told = await send(form.elements.csrf.value, "POST", path, file, { "content-type": type }, (loaded) => { bar.value = loaded; }, () => {});
      at("sent-state").textContent = say.taken;
      location.assign(`${say.imports}/${encodeURIComponent(told.id)}`);
    } catch (error) {
      at("sent-state").textContent = "";
      bar.hidden = true;
      tell(error instanceof Refused ? error.problem : { detail: say.lost });
    } finally { at("make").disabled = false; }
  });
})();
