// Where names stand: ForceAtlas2 in a worker, one step a message, until they come to rest.
const OF_NODE = 10; // figures of a node in the library's matrix: x, y, four of forces, mass, convergence, size, fixed
const FIXED = 9;
const OF_LINK = 3; // source, target, weight
const REST = 0.0015; // of the width, on average and a step: nobody sees them move
const EVERY = 50; // milliseconds between two pictures of their way
const MOST = 600;
const LEAST = 60;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

const settingsFor = (nodes) => ({
  linLogMode: true,
  outboundAttractionDistribution: false,
  adjustSizes: false,
  edgeWeightInfluence: 1,
  scalingRatio: 4,
  strongGravityMode: true,
  gravity: 0.08,
  slowDown: 1 + Math.log(nodes + 1),
  barnesHutOptimize: nodes > 400,
  barnesHutTheta: 0.7,
});

/** The place of the nth node of a graph that was not laid out yet. */
export const seed = (n) => ({ x: Math.sqrt(n + 1) * 10 * Math.cos(n * GOLDEN), y: Math.sqrt(n + 1) * 10 * Math.sin(n * GOLDEN) });

export class Layout {
  /**
   * `moved()` is called when names have new places, a few times a second (`still`: not before they rest), `rested()` when they rest.
   * New places are written into the graph without telling it of each: who draws reads them all.
   */
  constructor(graph, { moved, rested, still }) {
    Object.assign(this, { graph, moved, rested, still });
    this.worker = null;
    this.held = null; // {at, x, y}: the name that a hand holds, by its place in the matrix
  }

  /** A name stands where it is held, whatever draws it; null: none is held. */
  hold(id, place) {
    const n = id && this.worker ? this.ids.indexOf(id) : -1;
    this.held = n < 0 ? null : { at: n * OF_NODE, ...place };
  }

  /** Begin with the graph as it is now. */
  start() {
    this.stop();
    this.held = null;
    if (this.graph.order < 2) return this.rested();
    this.worker = new Worker(new URL("./layout-worker.js", import.meta.url));
    this.steps = 0;
    this.looked = 0; // the step that was looked at last
    this.due = performance.now() + EVERY;
    this.ids = this.graph.nodes();
    const settings = settingsFor(this.ids.length);
    const { nodes, links } = matrices(this.graph, this.ids);
    this.last = nodes.slice();
    this.worker.onmessage = ({ data }) => this.#stepped(new Float32Array(data.nodes), settings);
    this.worker.postMessage({ nodes: nodes.buffer, edges: links.buffer, settings }, [nodes.buffer, links.buffer]);
    return undefined;
  }

  stop() {
    this.worker?.terminate();
    this.worker = null;
  }

  #stepped(nodes, settings) {
    this.steps++;
    this.#fix(nodes);
    const end = this.steps >= MOST;
    if (end || performance.now() >= this.due) {
      const calm = this.steps > LEAST && this.#way(nodes) / (this.steps - this.looked) < REST;
      if (calm || end) {
        this.stop();
        this.#place(nodes);
        return this.rested();
      }
      this.looked = this.steps;
      this.last.set(nodes);
      if (!this.still) {
        this.#place(nodes);
        this.moved();
      }
      this.#nextLook();
    }
    return this.worker.postMessage({ nodes: nodes.buffer, settings }, [nodes.buffer]);
  }

  #fix(nodes) {
    for (let n = FIXED; n < nodes.length; n += OF_NODE) nodes[n] = 0;
    if (!this.held) return;
    const { at, x, y } = this.held;
    nodes.set([x, y], at);
    nodes[at + FIXED] = 1;
  }

  /** Counted from when the last was drawn: a slow machine draws fewer steps, and the page stays quick. */
  #nextLook() {
    this.due = Infinity;
    requestAnimationFrame(() => requestAnimationFrame(() => (this.due = performance.now() + EVERY)));
  }

  /** The mean way that names went since the last look, as a share of the width. */
  #way(nodes) {
    let way = 0;
    let [least, most] = [Infinity, -Infinity];
    for (let n = 0; n < nodes.length; n += OF_NODE) {
      way += Math.hypot(nodes[n] - this.last[n], nodes[n + 1] - this.last[n + 1]);
      least = Math.min(least, nodes[n]);
      most = Math.max(most, nodes[n]);
    }
    return way / this.ids.length / (most - least || 1);
  }

  #place(nodes) {
    this.ids.forEach((id, n) => {
      if (this.graph.hasNode(id)) Object.assign(this.graph.getNodeAttributes(id), { x: nodes[n * OF_NODE], y: nodes[n * OF_NODE + 1] });
    });
  }
}

function matrices(graph, ids) {
  const nodes = new Float32Array(ids.length * OF_NODE);
  const links = new Float32Array(graph.size * OF_LINK);
  const at = new Map(ids.map((id, n) => [id, n * OF_NODE]));
  graph.forEachNode((id, { x, y, size }) => nodes.set([x, y, 0, 0, 0, 0, 1, 1, size, 0], at.get(id)));
  let n = 0;
  graph.forEachEdge((key, { pull }, source, target) => {
    const [one, other] = [at.get(source), at.get(target)];
    nodes[one + 6] += pull;
    nodes[other + 6] += pull;
    links.set([one, other, pull], n);
    n += OF_LINK;
  });
  return { nodes, links };
}
