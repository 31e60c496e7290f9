// Every page: its path, its module, and where it stands in the navigation. A page is the default export of its module and is given
// the parameters of its path and the query: `export default function Page({ id, query })`.
export const routes = [
  { path: "/", page: () => import("./pages/documents.js"), nav: { name: "Documents", icon: "documents" } },
  { path: "/documents/{id}", page: () => import("./pages/document.js"), under: "/" },
  { path: "/search", page: () => import("./pages/search.js"), nav: { name: "Search", icon: "search" } },
  { path: "/entities", page: () => import("./pages/entities.js"), nav: { name: "Names", icon: "entities" } },
  { path: "/entities/{id}", page: () => import("./pages/entity.js"), under: "/entities" },
  { path: "/graph", page: () => import("./pages/graph.js"), nav: { name: "Graph", icon: "graph" } },
  { path: "/status", page: () => import("./pages/status.js"), nav: { name: "Status", icon: "activity" } },
  { path: "/keys", page: () => import("./pages/keys.js") },
];
