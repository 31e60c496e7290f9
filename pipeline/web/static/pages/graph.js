// The graph: from a name or from the heaviest part of the project, as far as it is expanded.
import { get } from "../core/api.js";
import { useAsked } from "../core/asked.js";
import { html, useEffect, useMemo, useState } from "../core/lib.js";
import { address, go, useTitle } from "../core/router.js";
import { inProject, project } from "../core/session.js";
import { useStore } from "../core/store.js";
import { Bar } from "../graph/bar.js";
import { canDraw } from "../graph/drawing.js";
import { EMPTY, grown, visible } from "../graph/model.js";
import { Hints, Link, Node, Way } from "../graph/panel.js";
import { Stage } from "../graph/stage.js";
import { Tables } from "../graph/table.js";
import { WayDialog } from "../graph/way.js";
import { Icon } from "../ui/icon.js";
import { Empty, Loaded } from "../ui/shown.js";
import { toastFault } from "../ui/toasts.js";

const FIRST = 150;
const MOST = 2000;
const AROUND = 60;

export default function GraphPage({ query }) {
  const chosen = useStore(project);
  const { entity = "", limit = FIRST } = query;
  return html`<${Graph} key=${`${chosen} ${entity}`} query=${query} entity=${entity} limit=${Math.min(MOST, Number(limit) || FIRST)} />`;
}

function Graph({ query, entity, limit }) {
  const { type = "", weight: least, view = "" } = query;
  const types = useMemo(() => type.split(" ").filter(Boolean), [type]);
  const weight = Math.max(0, Number(least) || 0);
  const [held, setHeld] = useState(EMPTY);
  const [selected, select] = useState(entity ? { node: entity } : null);
  const [path, setPath] = useState([]);
  const [way, setWay] = useState(null);
  const [busy, setBusy] = useState(false);
  const drawable = useMemo(canDraw, []);
  const asked = useAsked(entity ? `/api/entities/${entity}/graph` : "/api/graph", { ...(entity ? {} : inProject()), type: types, min_weight: weight || 1, limit }, { key: "graph" });
  const { data } = asked;
  const start = held.nodes.get(entity);
  useTitle(start ? `${start.name} – graph` : "Graph");
  useEffect(() => {
    if (data) setHeld((old) => grown(old, data, entity));
  }, [data]);
  const kept = useMemo(() => new Set([entity, ...path].filter((id) => held.nodes.has(id))), [held, entity, path]);
  const part = useMemo(() => visible(held, { types, weight, kept }), [held, types, weight, kept]);
  const turn = (changes) => go(address("/graph", inProject({ ...query, ...changes })), { replace: true });
  const begin = (id) => go(address("/graph", inProject({ entity: id, view })));

  const expand = async (id) => {
    if (busy || held.expanded.has(id)) return;
    setBusy(true);
    try {
      const more = await get(`/api/entities/${id}/graph`, { limit: AROUND, type: types, min_weight: weight || 1 });
      setHeld((old) => grown(old, more, id));
      select({ node: id });
    } catch (fault) {
      toastFault(fault);
    }
    setBusy(false);
  };
  const follow = async (from, to) => {
    const found = await get("/api/graph/path", { from: from.id, to: to.id });
    setHeld((old) => grown(old, found));
    setPath(found.path);
    select(null);
  };

  const shown = { part, selected, path, select, expand, busy, expanded: held.expanded };
  const aside = { ...shown, close: () => select(null), way: setWay };
  return html`
    <h1 class="unseen">Graph</h1>
    <${Bar} start=${start} begin=${({ id }) => begin(id)} whole=${() => begin("")} types=${counted(held)} chosen=${types} weight=${weight}
      heaviest=${heaviest(held, weight)} turn=${turn} view=${view} drawable=${drawable} />
    ${!drawable && html`<p class="notice"><${Icon} name="graph" /><span>This browser cannot draw the graph (it has no WebGL). Here are its names and relations as tables.</span></p>`}
    <${Loaded} of=${asked} lines=${12}>
      ${() =>
        data.nodes.length || held.nodes.size
          ? html`<div class="graph">
              ${drawable && !view ? html`<${Stage} ...${shown} />` : html`<${Tables} ...${shown} />`}
              <aside class="card" aria-label="What is selected">
                <${Selected} ...${aside} path=${path} forget=${() => setPath([])}
                  none=${html`<${Hints} part=${part} all=${() => turn({ weight: 1 })} more=${data.more && limit < MOST} limit=${Math.min(MOST, limit * 4)} grow=${() => turn({ limit: Math.min(MOST, limit * 4) })} />`} />
              </aside>
            </div>`
          : html`<${Nothing} narrowed=${types.length > 0 || weight > 1} whole=${() => go(address("/graph", inProject({ view })))} />`}
    <//>
    ${way && html`<${WayDialog} from=${way} follow=${follow} onClose=${() => setWay(null)} />`}
  `;
}

function Selected({ path, forget, none, ...rest }) {
  const { part, selected, expanded, select } = rest;
  const node = selected?.node && part.nodes.find((each) => each.id === selected.node);
  const link = selected?.link && part.links.find((each) => each.key === selected.link);
  return html`
    ${path.length > 0 && html`<${Way} path=${path} part=${part} select=${select} close=${forget} />`}
    ${node ? html`<${Node} ...${rest} node=${node} expanded=${expanded.has(node.id)} />` : link ? html`<${Link} ...${rest} link=${link} />` : !path.length && none}
  `;
}

function Nothing({ narrowed, whole }) {
  return narrowed
    ? html`<${Empty} icon="graph" title="Nothing is this heavy or of these types" action=${html`<button type="button" class="button" onClick=${whole}>Show the whole graph</button>`}>Ask for fewer passages or other types.<//>`
    : html`<${Empty} icon="graph" title="No relations yet">Names that stand in the same passages are related here, as soon as documents were read. <a href=${address("/", inProject())}>See the documents</a>.<//>`;
}

/** [[type, how many]] of the names that are related, the most frequent first. */
function counted({ nodes, links }) {
  const counts = new Map();
  const joined = new Set([...links.values()].flatMap(({ source, target }) => [source, target]));
  for (const { type } of [...joined].map((id) => nodes.get(id)).filter(Boolean)) counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

/** As far as the choice of weights goes: it leaves some relations. */
function heaviest({ links }, weight) {
  const weights = [...links.values()].map((link) => link.weight).sort((one, other) => other - one);
  return Math.max(weight, weights[Math.min(9, weights.length - 1)] ?? 1);
}

