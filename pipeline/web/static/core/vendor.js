// Libraries that only some pages need: they define globals, and are fetched when a page that needs them is opened.
const asked = new Map();

/** Resolves once the script of this address has run. */
export function script(url) {
  if (!asked.has(url.href)) {
    asked.set(
      url.href,
      new Promise((resolve, reject) => {
        const element = Object.assign(document.createElement("script"), { src: url.href, onload: resolve });
        element.onerror = () => (asked.delete(url.href), element.remove(), reject(new Error("A part of the page could not be loaded.")));
        document.head.append(element);
      }),
    );
  }
  return asked.get(url.href);
}
