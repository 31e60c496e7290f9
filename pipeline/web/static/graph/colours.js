// Colours of the styles as the drawing needs them: red, green and blue.
import { TYPES } from "../core/words.js";

const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function rgb(colour) {
  paint.clearRect(0, 0, 1, 1);
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  const [red, green, blue] = paint.getImageData(0, 0, 1, 1).data;
  return `rgb(${red},${green},${blue})`;
}

/** {types: {PERSON: …}, text, muted, ground, line, accent, hit} of the theme that is shown now. */
export function colours(element) {
  const read = (name, type) => {
    const probe = document.createElement("span"); // one for each: a colour may take time to change
    if (type) probe.dataset.type = type;
    probe.style.color = `var(--${name})`;
    element.append(probe);
    const found = rgb(getComputedStyle(probe).color);
    probe.remove();
    return found;
  };
  const types = Object.fromEntries(Object.keys(TYPES).map((type) => [type, read("type-line", type)]));
  const found = { types };
  for (const [key, name] of Object.entries({ text: "text", raised: "raised", ground: "surface", line: "line", accent: "accent", hit: "hit-line" })) found[key] = read(name);
  return found;
}

/** Calls `changed` when the theme does; returns what ends it. */
export function onTheme(changed) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(changed);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
  return () => {
    chosen.disconnect();
    system.removeEventListener("change", changed);
  };
}
