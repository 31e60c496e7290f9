/** Scrolls a box so that what is in it is seen; where it is not the box that scrolls, the window. */
export function reveal(box, element) {
  if (!box || !element) return;
  if (!scrolls(box)) {
    element.scrollIntoView({ block: "center" });
    return;
  }
  const { top, height } = element.getBoundingClientRect();
  const outer = box.getBoundingClientRect();
  const left = element.getBoundingClientRect().left - outer.left;
  box.scrollTop += top - outer.top - (outer.height - height) / 2;
  if (left < 0 || left > outer.width) box.scrollLeft += left - outer.width / 3;
}

function scrolls(box) {
  return box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY !== "visible";
}
