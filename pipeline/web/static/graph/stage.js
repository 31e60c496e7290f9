// Where the graph is drawn, and how it is gone through by keys.
import { Fault } from "../core/api.js";
import { html, useEffect, useRef, useState } from "../core/lib.js";
import { count, typeName } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { Skeleton, Trouble } from "../ui/shown.js";
import { Drawing, ready } from "./drawing.js";
import { around } from "./model.js";

const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const NO_LIBRARY = new Fault({ detail: "The drawing could not be loaded.", advice: "Load the page anew, or look at the table." });

/** `part`: {nodes, links}; `selected`: {node} or {link} or null; `path`: ids. */
export function Stage({ part, selected, path, select, expand, busy }) {
  const box = useRef();
  const [drawing, setDrawing] = useState(null);
  const [fault, setFault] = useState(null);
  const [resting, setResting] = useState(true);
  const told = useRef({});
  told.current = { select, expand };

  useEffect(() => {
    let made = null;
    let ended = false;
    ready().then(
      () => {
        if (ended) return;
        made = new Drawing(box.current, { select: (what) => told.current.select(what), expand: (id) => told.current.expand(id), resting: setResting });
        setDrawing(made);
      },
      () => setFault(NO_LIBRARY),
    );
    return () => {
      ended = true;
      made?.end();
    };
  }, []);
  useEffect(() => drawing?.show(part), [drawing, part]);
  useEffect(() => drawing?.mark(selected, path), [drawing, selected, path, part]);

  const go = (id) => id && (select({ node: id }), drawing.goTo(id));
  const keys = (event) => {
    if (!drawing || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (WAYS[event.key]) go(drawing.next(selected?.node, WAYS[event.key]));
    else if (event.key === "Enter" && selected?.node) expand(selected.node);
    else if (event.key === "Escape") select(null);
    else if (event.key === "+" || event.key === "=") drawing.zoom(1);
    else if (event.key === "-") drawing.zoom(-1);
    else if (event.key === "0") drawing.zoom(0);
    else return;
    event.preventDefault();
  };
  if (fault) return html`<${Trouble} fault=${fault} />`;
  return html`<div class="stage" aria-busy=${busy}>
    <div class="stage-keys" tabindex="0" role="application" aria-roledescription="graph" aria-label="Graph: arrow keys go from name to name, Enter shows what surrounds one, Escape lets go. The table has the same." onKeyDown=${keys}>
      <div class="canvas" ref=${box} aria-hidden="true"></div>
    </div>
    ${!drawing && html`<${Skeleton} lines=${4} />`}
    <p class="unseen" role="status">${said(selected, part)}</p>
    <div class="zoom" role="group" aria-label="View">
      <${Button} icon="minus" small kind="quiet" label="Smaller" onClick=${() => drawing?.zoom(-1)} />
      <${Button} icon="fit" small kind="quiet" label="See all" onClick=${() => drawing?.zoom(0)} />
      <${Button} icon="plus" small kind="quiet" label="Larger" onClick=${() => drawing?.zoom(1)} />
    </div>
    <p class="stage-note small muted" aria-hidden="true">${!resting && "Arranging …"}</p>
  </div>`;
}

/** What a screen reader is told of the name that was gone to. */
function said(selected, part) {
  const node = selected?.node && part.nodes.find((each) => each.id === selected.node);
  return node ? `${node.name}, ${typeName(node.type)}, ${count(around(node.id, part).length, "relation")}` : "";
}
