// A name that is taken hold of goes where the hand goes.
const CLICK = 4; // pixels: who moves less means to click

/** `moved(id, place)` is called while a name is moved, `free()` when it is let go. */
export function takeHold(sigma, element, { moved, free }) {
  let node = null;
  let from = null;
  sigma.on("downNode", (event) => (node = event.node));
  sigma.on("moveBody", ({ event, preventSigmaDefault }) => {
    if (!node) return;
    preventSigmaDefault();
    if (!far(event.original)) return;
    if (!sigma.getCustomBBox()) sigma.setCustomBBox(sigma.getBBox()); // else all would move when one does
    moved(node, sigma.viewportToGraph(event));
  });
  const letGo = () => {
    if (node) free();
    node = null;
  };
  for (const name of ["upNode", "upEdge", "upStage"]) sigma.on(name, letGo);

  const far = (event) => !from || element.hasPointerCapture(from.id) || Math.hypot(event.clientX - from.x, event.clientY - from.y) > CLICK;
  element.addEventListener("pointerdown", ({ pointerId: id, pointerType, clientX: x, clientY: y }) => (from = pointerType === "mouse" ? { id, x, y } : null), true);
  element.addEventListener("pointermove", (event) => {
    // What is pulled is no click, and what lies under the hand meanwhile need not be found out: that takes long without a graphics card.
    if (from && event.buttons === 1 && far(event)) element.setPointerCapture(from.id);
  });
}
