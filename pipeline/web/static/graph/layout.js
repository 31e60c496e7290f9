// Where names stand: ForceAtlas2 in a worker, one step a message, until they come to rest.
const OF_NODE = 10; // figures of a node in the library's matrix: x, y, four of forces, mass, convergence, size, fixed
const OF_LINK = 3; // source, target, weight
const REST = 0.0015; // of the width, on average and a step: nobody sees them move
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
  /** `rested()` is called when they do. */
  constructor(graph, rested) {
    Object.assign(this, { graph, rested });
    this.worker = null;
  }

  /** Begin with the graph as it is now. */
  start() {
    this.stop();
    if (this.graph.order < 2) return this.rested();
    this.worker = new Worker(new URL("./layout-worker.js", import.meta.url));
    this.steps = 0;
    this.placed = 0; // the step that was drawn last
    this.drawing = false;
    this.ids = this.graph.nodes();
    const settings = settingsFor(this.ids.length);
    const { nodes, links } = matrices(this.graph, this.ids);
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
    const last = this.steps > MOST;
    if (last || !this.drawing) {
      const steps = this.steps - this.placed;
      const calm = this.#place(nodes) / steps < REST && this.steps > LEAST;
      this.placed = this.steps;
      if (calm || last) {
        this.stop();
        return this.rested();
      }
      this.#untilDrawn();
    }
    return this.worker.postMessage({ nodes: nodes.buffer, settings }, [nodes.buffer]);
  }

  /** What is not drawn yet is not placed anew: a slow machine draws fewer steps, and the page stays quick. */
  #untilDrawn() {
    this.drawing = true;
    requestAnimationFrame(() => requestAnimationFrame(() => (this.drawing = false)));
  }

  /** Gives every node its new place; the mean way they went, as a share of the width. */
  #place(nodes) {
    let way = 0;
    let [least, most] = [Infinity, -Infinity];
    const at = new Map(this.ids.map((id, n) => [id, n * OF_NODE]));
    this.graph.updateEachNodeAttributes(
      (id, attributes) => {
        const n = at.get(id);
        if (n === undefined) return attributes;
        way += Math.hypot(nodes[n] - attributes.x, nodes[n + 1] - attributes.y);
        attributes.x = nodes[n];
        attributes.y = nodes[n + 1];
        least = Math.min(least, attributes.x);
        most = Math.max(most, attributes.x);
        return attributes;
      },
      { attributes: ["x", "y"] },
    );
    return way / this.ids.length / (most - least || 1);
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
