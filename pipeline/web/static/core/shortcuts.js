// Keys that work on every page.
import { address, go, place } from "./router.js";
import { inProject, session } from "./session.js";

/** `/` leads to the search box. */
document.addEventListener("keydown", (event) => {
  const plain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented;
  if (!plain || !session.value || event.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
  event.preventDefault();
  if (place.value.path === "/search") document.querySelector(".search-head input")?.select();
  else go(address("/search", inProject()));
});
