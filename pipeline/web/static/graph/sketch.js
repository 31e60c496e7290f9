// A picture of many links that must move where no graphics card helps: names alone, quickly, and all of it as soon as nothing moves.
const MANY = 800; // links: fewer are drawn quickly anywhere
const SLOW = 40; // milliseconds that a whole picture may take
const QUIET = 350; // milliseconds without a movement
const LEFT = ["mouse", "sketch"]; // layers that stay

/** The library's class, which draws a sketch first where it is slow. `drawPlate(context, name)` draws what is selected. */
export const sketching = (Sigma, drawPlate) =>
  class extends Sigma {
    constructor(...words) {
      super(...words);
      this.createCanvasContext("sketch", { beforeLayer: "mouse" });
      this.resize(true);
      this.names = []; // of the sketch: {id, x, y, size} in pixels
      this.cost = Infinity; // of the last whole picture of many links; none was drawn yet
      this.arranging = false;
      this.on("afterRender", () => this.measure());
      this.on("kill", () => (clearTimeout(this.whole), cancelAnimationFrame(this.next)));
    }

    /** Whether a sketch comes before the whole. */
    get slow() {
      return this.cost > SLOW && this.graph.size > MANY;
    }

    /** Whether names are being arranged: meanwhile the whole is not drawn, if that is slow. */
    arrange(whether) {
      this.arranging = whether;
      this.scheduleRender();
    }

    scheduleRender() {
      if (!this.names || !(this.slow || this.sketched)) return super.scheduleRender();
      this.next ??= requestAnimationFrame(() => this.sketch());
      this.wait();
      return this;
    }

    render() {
      clearTimeout(this.whole);
      if (this.sketched) this.turn(false);
      this.began = performance.now();
      return super.render();
    }

    /** What lies under the hand is looked for in what is seen. */
    getNodeAtPosition(at) {
      if (!this.sketched) return super.getNodeAtPosition(at);
      return this.names.findLast(({ x, y, size }) => Math.hypot(at.x - x, at.y - y) <= size)?.id ?? null;
    }

    getEdgeAtPoint(x, y) {
      return this.sketched ? null : super.getEdgeAtPoint(x, y);
    }

    /** From its beginning until it is seen. */
    measure() {
      if (this.graph.size <= MANY) return;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => (this.cost = performance.now() - this.began);
      requestAnimationFrame(() => port2.postMessage(null));
    }

    wait() {
      clearTimeout(this.whole);
      this.whole = setTimeout(() => (this.arranging || this.held() ? this.wait() : this.render()), QUIET);
    }

    held() {
      return this.getContainer().matches(":active");
    }

    sketch() {
      this.next = null;
      if (!this.sketched) this.turn(true);
      this.resize();
      const paint = this.canvasContexts.sketch;
      const place = this.placing();
      paint.clearRect(0, 0, this.width, this.height);
      this.names = this.graph.mapNodes((id, { x, y }) => {
        const { color, label, highlighted, zIndex, size } = this.getNodeDisplayData(id);
        return { id, color, label, highlighted, zIndex, size: this.scaleSize(size), ...place(x, y) };
      });
      this.names.sort((one, other) => one.zIndex - other.zIndex);
      for (const { x, y, size, color } of this.names) {
        paint.fillStyle = color;
        paint.beginPath();
        paint.arc(x, y, size, 0, 2 * Math.PI);
        paint.fill();
      }
      for (const name of this.names) if (name.highlighted) drawPlate(paint, name, this.getSettings());
    }

    /** Where a place of the graph is in the picture, whose middle is that of the names as they stand now. */
    placing() {
      const box = this.getCustomBBox() ?? (this.arranging ? extent(this.graph) : this.getBBox());
      const [width, height] = [box.x[1] - box.x[0] || 1, box.y[1] - box.y[0] || 1];
      const words = { cameraState: this.getCamera().getState(), graphDimensions: { width, height } };
      const zero = this.framedGraphToViewport({ x: 0, y: 0 }, words);
      const [one, other] = [{ x: 1, y: 0 }, { x: 0, y: 1 }].map((at) => this.framedGraphToViewport(at, words));
      const [right, up] = [one, other].map(({ x, y }) => ({ x: x - zero.x, y: y - zero.y }));
      const scale = Math.max(width, height);
      return (x, y) => {
        const across = 0.5 + (x - (box.x[0] + box.x[1]) / 2) / scale;
        const along = 0.5 + (y - (box.y[0] + box.y[1]) / 2) / scale;
        return { x: zero.x + across * right.x + along * up.x, y: zero.y + across * right.y + along * up.y };
      };
    }

    turn(sketched) {
      this.sketched = sketched;
      for (const [name, canvas] of Object.entries(this.getCanvases())) {
        if (!LEFT.includes(name)) canvas.style.visibility = sketched ? "hidden" : "";
        else if (name === "sketch") canvas.style.visibility = sketched ? "" : "hidden";
      }
    }
  };

function extent(graph) {
  const box = { x: [Infinity, -Infinity], y: [Infinity, -Infinity] };
  graph.forEachNode((_, { x, y }) => {
    box.x = [Math.min(box.x[0], x), Math.max(box.x[1], x)];
    box.y = [Math.min(box.y[0], y), Math.max(box.y[1], y)];
  });
  return box;
}
