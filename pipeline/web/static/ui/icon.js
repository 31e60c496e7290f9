// Icons, drawn on a grid of 24 with one line.
import { html } from "../core/lib.js";

const PATHS = {
  activity: "M3 12h4l3-8 4 16 3-8h4",
  back: "M19 12H5m6-6-6 6 6 6",
  check: "m5 12.5 4.5 4.500L19 7.5",
  clip: "m20 11-8.5 8.500a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.700l-8.4 8.300a1.7 1.7 0 0 1-2.4-2.400L14.5 7",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5l3 2",
  close: "m6 6 12 12M18 6 6 18",
  documents: "M8 3h7l4 4v11H8zM15 3v4h4M5 7v14h10",
  down: "m6 9 6 6 6-6",
  download: "M12 4v11m-5-4 5 5 5-5M4 20h16",
  entities: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6.5 9c.3-4 3-6 6.5-6s6.2 2 6.5 6M16 4.500a3.5 3.5 0 0 1 0 6m2 3.800c2 .8 3.3 2.6 3.5 5.7",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  filter: "M4 6h16M7 12h10m-7 6h4",
  fit: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
  folder: "M3 6h6l2 2.500h10V19H3z",
  graph: "M6 8.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm12 5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-9 7a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.3 7l7.4 3M7 8.300l1.5 7.300m2.5.9 5-4",
  image: "M4 5h16v14H4zm0 11 5-5 4 4 2-2 5 4M15 9.500h.01",
  key: "M15 14a5 5 0 1 0-4.6-3L4 17.500V20h3v-2h2v-2h2l1.5-2.200c.8.2 1.6.2 2.5.200Zm1-5.500h.01",
  left: "m15 6-6 6 6 6",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.700L12 7m2 3a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.700L12 17",
  logout: "M14 4h5v16h-5M4 12h11m-4-4 4 4-4 4",
  mail: "M3 6h18v12H3zm0 1 9 6 9-6",
  minus: "M5 12h14",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500Z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  pause: "M8 5v14m8-14v14",
  play: "M7 4.500v15l12-7.500z",
  plus: "M12 5v14M5 12h14",
  retry: "M20 11a8 8 0 1 0-2 6m2-12v6h-6",
  right: "m9 6 6 6-6 6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.500L21 21",
  sound: "M4 10v4m4-7v10m4-13v16m4-12v8m4-5v2",
  split: "M12 21v-8m0 0L5 6m7 7 7-7M5 11V6h5m4 0h5v5",
  stop: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9 9l6 6m0-6-6 6",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.400m0-12.800L17 7M7 17l-1.4 1.4",
  system: "M4 5h16v11H4zm5 15h6m-3-4v4",
  trash: "M4 7h16M9 7V4h6v3m3 0-1 13H7L6 7m4 4v5m4-5v5",
  undo: "M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11H9",
  up: "m6 15 6-6 6 6",
  upload: "M12 16V5M7 9.500l5-5 5 5M4 16v4h16v-4",
  warning: "M12 4 2.5 20h19zm0 6v4.500m0 2.500h.01",
};

/** An icon; `label` only where no text stands beside it. */
export function Icon({ name, label }) {
  return html`<svg class="icon" viewBox="0 0 24 24" role=${label ? "img" : undefined} aria-label=${label} aria-hidden=${label ? undefined : "true"}>
    <path d=${PATHS[name]} />
  </svg>`;
}
