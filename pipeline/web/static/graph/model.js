// What is known of the graph so far, and the part of it that is shown.

/** nodes: Map of id; links: Map of key, one for each pair that is related; expanded: ids whose surroundings were asked for. */
export const EMPTY = { nodes: new Map(), links: new Map(), expanded: new Set() };

export const keyOf = (one, other) => (one < other ? `${one} ${other}` : `${other} ${one}`);
const relationOf = ({ subject, predicate, object }) => `${subject} ${predicate} ${object}`;

/** The same with a part, as the API answers it, and with `expanded`, an id, noted. */
export function grown(held, { nodes, edges }, expanded) {
  const grownNodes = new Map(held.nodes);
  const links = new Map(held.links);
  for (const node of nodes) grownNodes.set(node.id, node);
  for (const edge of edges) {
    const key = keyOf(edge.subject, edge.object);
    const before = links.get(key)?.relations ?? [];
    const relations = [...before.filter((each) => relationOf(each) !== relationOf(edge)), edge].sort((one, other) => other.weight - one.weight);
    const [source, target] = key.split(" ");
    links.set(key, { key, source, target, relations, weight: relations.reduce((sum, each) => sum + each.weight, 0) });
  }
  return { nodes: grownNodes, links, expanded: expanded ? new Set([...held.expanded, expanded]) : held.expanded };
}

const FOR_EACH = 1.6; // links for each node: with more of them nobody sees one

/**
 * {nodes, links, left}: those of these types (none: all) and this weight. `kept` are ids that are shown in any case.
 * Weight 0: all of what was expanded, of the rest the strongest; `left` counts those that are left out.
 */
export function visible({ nodes, links, expanded }, { types, weight, kept }) {
  const fits = (id) => kept.has(id) || !types.length || types.includes(nodes.get(id)?.type);
  const within = [...links.values()].filter((link) => fits(link.source) && fits(link.target));
  const own = (link) => kept.has(link.source) && kept.has(link.target);
  const shown = weight ? within.filter((link) => link.weight >= weight || own(link)) : strongest(within, (link) => own(link) || expanded.has(link.source) || expanded.has(link.target));
  const joined = new Set([...kept, ...shown.flatMap(({ source, target }) => [source, target])]);
  return { nodes: [...nodes.values()].filter((node) => joined.has(node.id)), links: shown, left: within.length - shown.length };
}

/** Those that are wanted, the heaviest of each name, and of the others the heaviest, as far as they can be told apart. */
function strongest(links, wanted) {
  const sorted = [...links].sort((one, other) => other.weight - one.weight);
  const met = new Set();
  const first = new Set();
  for (const link of sorted) {
    if (!met.has(link.source) || !met.has(link.target)) first.add(link);
    met.add(link.source).add(link.target);
  }
  let room = Math.ceil(met.size * FOR_EACH) - first.size;
  return sorted.filter((link) => first.has(link) || wanted(link) || room-- > 0);
}

/** [{link, node}] of what is related to a node, the heaviest first. */
export function around(id, { nodes, links }) {
  const named = new Map(nodes.map((node) => [node.id, node]));
  return links
    .filter(({ source, target }) => source === id || target === id)
    .map((link) => ({ link, node: named.get(link.source === id ? link.target : link.source) }))
    .filter(({ node }) => node)
    .sort((one, other) => other.link.weight - one.link.weight);
}
