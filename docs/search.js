/* Options of the command line are looked for as they are written: a word that begins with dashes would be one that a page
   must not have (lunr). What is searched for has no dashes before its words; what stands in the field keeps them. */
"use strict";

for (const field of document.querySelectorAll("[data-md-component=search-query]")) {
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
  Object.defineProperty(field, "value", {
    get() { return get.call(this).replace(/(^|\s)-+(?=\S)/g, "$1"); },
    set(text) { set.call(this, text); },
  });
}
