// Every page: its path, its module, and where it stands in the navigation. A page is the default export of its module and is given
// the parameters of its path and the query: `export default function Page({ id, query })`.
export const routes = [
  { path: "/", page: () => import("./pages/documents.js"), nav: { name: "Documents", icon: "documents" } },
  { path: "/documents/{id}", page: () => import("./pages/document.js"), under: "/" },
];
