// The graph on the screen, drawn by sigma.
import { script } from "../core/vendor.js";
import { colours, onTheme } from "./colours.js";
import { takeHold } from "./hand.js";
import { Layout, seed } from "./layout.js";
import { sketching } from "./sketch.js";

const SMALLEST = 3.5;
const LARGEST = 16;

export const canDraw = () => {
  const { WebGL2RenderingContext } = window;
  return Boolean(WebGL2RenderingContext && document.createElement("canvas").getContext("webgl2"));
};

/** Fetches the libraries; a drawing may be made then. */
export const ready = () =>
  Promise.all([script(new URL("../vendor/sigma.min.js", import.meta.url)), script(new URL("../vendor/graphology.umd.min.js", import.meta.url))]);

export class Drawing {
  /** `tell`: {select({node} or {link} or null), expand(id), resting(whether)}. */
  constructor(element, tell) {
    this.element = element;
    this.tell = tell;
    this.places = new Map();
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.state = { selected: null, path: [], pointed: null };
    this.light = { lit: null, path: new Map() };
    this.colours = colours(element);
    this.graph = new globalThis.graphology.UndirectedGraph();
    const Picture = sketching(globalThis.Sigma, (context, name, settings) => drawHover(context, name, settings, this.colours));
    this.sigma = new Picture(this.graph, element, this.#settings());
    this.layout = new Layout(this.graph, { moved: () => this.#redraw(), rested: () => this.#rest(), still: this.still });
    this.#listen();
    this.endTheme = onTheme(() => this.#recolour());
  }

  /** Draw these, {nodes, links}; names that come in begin beside what they are related to. */
  show({ nodes, links }) {
    const wanted = new Set(nodes.map((node) => node.id));
    const joined = new Set(links.map((link) => link.key));
    this.graph.forEachNode((id, { x, y }) => this.places.set(id, { x, y }));
    const gone = this.graph.filterNodes((id) => !wanted.has(id));
    const lost = this.graph.filterEdges((key) => !joined.has(key));
    const beside = neighboursIn(links, this.graph);
    let fresh = 0;
    lost.forEach((key) => this.graph.dropEdge(key));
    gone.forEach((id) => this.graph.dropNode(id));
    const most = Math.max(1, ...nodes.map((node) => node.mentions));
    nodes.forEach((node, n) => {
      const size = SMALLEST + (LARGEST - SMALLEST) * Math.sqrt(node.mentions / most);
      if (this.graph.hasNode(node.id)) return this.graph.mergeNodeAttributes(node.id, { size, label: node.name });
      fresh++;
      const { x, y } = this.places.get(node.id) ?? near(beside.get(node.id), n) ?? seed(n);
      return this.graph.addNode(node.id, { label: node.name, kind: node.type, color: this.colours.types[node.type], size, x, y });
    });
    for (const { key, source, target, weight } of links) {
      const drawn = { weight, pull: 1 + Math.log2(weight), size: Math.min(5, 0.6 + Math.log2(weight) * 0.5), color: this.colours.line };
      if (this.graph.hasEdge(key)) this.graph.mergeEdgeAttributes(key, drawn);
      else fresh += Boolean(this.graph.addEdgeWithKey(key, source, target, drawn));
    }
    this.#stand({ pointed: null });
    if (fresh || gone.length || lost.length) this.settle();
  }

  /** Let names move to where they belong. */
  settle() {
    this.tell.resting(false);
    this.sigma.setCustomBBox(null);
    if (!this.still) this.sigma.arrange(true);
    this.layout.start();
  }

  /** What is selected ({node} or {link} or null) and the ids of a path stand out; the rest steps back. */
  mark(selected, path) {
    this.#stand({ selected, path });
  }

  /** Bring a name into the middle, unless all are seen anyway. */
  goTo(id) {
    const at = this.sigma.getNodeDisplayData(id);
    const camera = this.sigma.getCamera();
    if (at && camera.ratio < 1 && !this.sigma.arranging) camera.animate({ x: at.x, y: at.y }, { duration: this.still ? 0 : 350 });
  }

  zoom(by) {
    const camera = this.sigma.getCamera();
    const duration = this.still ? 0 : 150;
    if (by === 0) {
      this.sigma.setCustomBBox(null);
      this.#redraw();
      camera.animatedReset({ duration });
    } else camera.animate({ ratio: camera.getBoundedRatio(camera.ratio * (by > 0 ? 1 / 1.5 : 1.5)) }, { duration });
  }

  /** The name next to `id` in a direction of the screen; those that are related to it come first. */
  next(id, [right, down]) {
    if (!this.graph.hasNode(id ?? "")) return this.graph.nodes().sort((one, other) => this.graph.degree(other) - this.graph.degree(one))[0];
    const from = this.#onScreen(id);
    const nearest = (ids) =>
      ids
        .map((each) => {
          const to = this.#onScreen(each);
          const [x, y] = [to.x - from.x, to.y - from.y];
          const way = Math.hypot(x, y);
          const along = (x * right + y * down) / (way || 1);
          return { each, cost: along > 0.4 ? way / along ** 2 : Infinity };
        })
        .filter(({ cost }) => cost < Infinity)
        .sort((one, other) => one.cost - other.cost)[0]?.each;
    return nearest(this.graph.neighbors(id)) ?? nearest(this.graph.nodes().filter((each) => each !== id));
  }

  end() {
    this.endTheme();
    this.layout.stop();
    this.sigma.kill();
  }

  #rest() {
    this.sigma.arrange(false);
    this.#redraw();
    this.tell.resting(true);
  }

  #move(id, place) {
    Object.assign(this.graph.getNodeAttributes(id), place);
    this.layout.hold(id, place);
    this.#redraw();
  }

  #free() {
    this.layout.hold(null);
    if (this.sigma.arranging) this.sigma.setCustomBBox(null);
  }

  /** Names have other places: nothing else is worked out anew. */
  #redraw() {
    this.sigma.refresh({ partialGraph: {}, skipIndexation: false, schedule: true });
  }

  #onScreen(id) {
    return this.sigma.graphToViewport(this.graph.getNodeAttributes(id));
  }

  #listen() {
    const { sigma, tell } = this;
    sigma.on("clickNode", ({ node }) => (this.state.selected?.node === node ? tell.expand(node) : tell.select({ node })));
    sigma.on("doubleClickNode", ({ node, preventSigmaDefault }) => (preventSigmaDefault(), tell.expand(node)));
    sigma.on("clickEdge", ({ edge }) => tell.select({ link: edge }));
    sigma.on("clickStage", () => tell.select(null));
    takeHold(sigma, this.element, { moved: (id, place) => this.#move(id, place), free: () => this.#free() });
    const point = (pointed) => {
      this.element.dataset.over = pointed ? Object.keys(pointed)[0] : "";
      if (!this.sigma.slow) this.#stand({ pointed });
    };
    sigma.on("enterNode", ({ node }) => point({ node }));
    sigma.on("leaveNode", () => point(null));
    sigma.on("enterEdge", ({ edge }) => point({ link: edge }));
    sigma.on("leaveEdge", () => point(null));
  }

  #settings() {
    return {
      allowInvalidContainer: true,
      enableEdgeEvents: true,
      hideEdgesOnMove: false,
      labelFont: getComputedStyle(document.body).fontFamily,
      labelSize: 12,
      labelWeight: "500",
      labelDensity: 0.7,
      labelGridCellSize: 110,
      labelRenderedSizeThreshold: 5,
      minEdgeThickness: 0.8,
      labelColor: { color: this.colours.text },
      minCameraRatio: 0.03,
      maxCameraRatio: 3,
      stagePadding: 40,
      zIndex: true,
      nodeReducer: (id, data) => this.#node(id, data),
      edgeReducer: (key, data) => this.#link(key, data),
      defaultDrawNodeLabel: drawLabel,
      defaultDrawNodeHover: (context, data, settings) => drawHover(context, data, settings, this.colours),
    };
  }

  /** Reckons once what stands out, and draws all anew. */
  #stand(changes) {
    Object.assign(this.state, changes);
    this.light = { lit: this.#lit(), path: new Map(this.state.path.map((id, n) => [id, n])) };
    this.sigma.refresh({ partialGraph: { nodes: this.graph.nodes(), edges: this.graph.edges() }, schedule: true });
  }

  /** What stands out: ids of names and keys of links; null if all are alike. */
  #lit() {
    const { selected, pointed, path } = this.state;
    const one = pointed ?? selected;
    if (one?.node && this.graph.hasNode(one.node)) return { nodes: new Set([one.node, ...this.graph.neighbors(one.node)]), of: one.node };
    if (one?.link && this.graph.hasEdge(one.link)) return { nodes: new Set(this.graph.extremities(one.link)), link: one.link };
    return path.length ? { nodes: new Set(path) } : null;
  }

  #node(id, data) {
    const { lit, path } = this.light;
    const onPath = path.has(id);
    const chosen = this.state.selected?.node === id;
    if (lit && !lit.nodes.has(id) && !onPath) return { ...data, color: this.colours.line, label: "", zIndex: 0 };
    return { ...data, highlighted: chosen, forceLabel: chosen || onPath || lit?.of === id, zIndex: chosen ? 2 : 1 };
  }

  #link(key, data) {
    const { lit, path } = this.light;
    const [source, target] = this.graph.extremities(key);
    const onPath = Math.abs(path.get(source) - path.get(target)) === 1;
    if (onPath) return { ...data, color: this.colours.hit, size: Math.max(3, data.size), zIndex: 2 };
    if (!lit) return data;
    const own = lit.link ? lit.link === key : lit.of ? source === lit.of || target === lit.of : false;
    return own ? { ...data, color: this.colours.accent, zIndex: 1 } : { ...data, zIndex: 0, hidden: this.graph.size > 400 };
  }

  #recolour() {
    this.colours = colours(this.element);
    this.graph.updateEachNodeAttributes((id, data) => ({ ...data, color: this.colours.types[data.kind] }), { attributes: ["color"] });
    this.graph.updateEachEdgeAttributes((key, data) => ({ ...data, color: this.colours.line }), { attributes: ["color"] });
    this.sigma.setSetting("labelColor", { color: this.colours.text });
  }
}

/** For each name that is not drawn yet, where one stands that it is related to. */
function neighboursIn(links, graph) {
  const found = new Map();
  for (const { source, target } of links) {
    for (const [one, other] of [[source, target], [target, source]]) {
      if (!graph.hasNode(one) && graph.hasNode(other)) found.set(one, graph.getNodeAttributes(other));
    }
  }
  return found;
}

function near(place, n) {
  return place && { x: place.x + 8 * Math.cos(n), y: place.y + 8 * Math.sin(n) };
}

/** Where a text begins that stands beside a name: on its left where there is no room on the right. */
function besideIt(context, { x, size }, width, gap) {
  const right = x + size + gap;
  return right + width <= context.canvas.width / window.devicePixelRatio ? right : x - size - gap - width;
}

function drawLabel(context, name, { labelSize, labelFont, labelWeight, labelColor }) {
  if (!name.label) return;
  context.font = `${labelWeight} ${labelSize}px ${labelFont}`;
  context.fillStyle = labelColor.color;
  context.fillText(name.label, besideIt(context, name, context.measureText(name.label).width, 3), name.y + labelSize / 3);
}

/** The name that is pointed at or selected, on a plate. */
function drawHover(context, { x, y, size, label, color }, { labelSize, labelFont, labelWeight }, { raised, text }) {
  context.font = `${labelWeight} ${labelSize}px ${labelFont}`;
  const width = context.measureText(label ?? "").width;
  const from = besideIt(context, { x, size }, width + 4, 6);
  context.beginPath();
  context.fillStyle = raised;
  context.shadowColor = "rgb(0 0 0 / 35%)";
  context.shadowBlur = 8;
  if (label) context.roundRect(Math.min(from - 8, x), y - labelSize * 0.9, Math.max(from + width + 8, x) - Math.min(from - 8, x), labelSize * 1.8, 6);
  context.arc(x, y, size + 3, 0, Math.PI * 2);
  context.fill();
  context.shadowBlur = 0;
  context.beginPath();
  context.fillStyle = color;
  context.arc(x, y, size, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = text;
  if (label) context.fillText(label, from, y + labelSize / 3);
}
