// Where there are no results: nothing was asked yet, or nothing was found.
import { useAsked } from "../core/asked.js";
import { html } from "../core/lib.js";
import { address } from "../core/router.js";
import { inProject } from "../core/session.js";
import { count, isFinal } from "../core/words.js";
import { Button } from "../ui/controls.js";
import { Empty, TypeTag } from "../ui/shown.js";

const EXAMPLES = 10;

/** Before the first search: what it can be asked, with names from the documents as examples. */
export function Begin() {
  const { data } = useAsked("/api/entities", inProject({ limit: EXAMPLES }));
  const names = data?.entities ?? [];
  return html`<${Empty} icon="search" title="Find it where it stands"
    action=${names.length > 0 && html`<ul class="examples" aria-label="Names from the documents">
      ${names.map((each) => html`<li key=${each.id}><a href=${address("/search", inProject({ q: each.name }))}><${TypeTag} type=${each.type}>${each.name}<//></a></li>`)}
    </ul>`}>
    Words find passages that have them; a question finds those that mean it. Every result opens the original at its place.
    ${names.length > 0 && " Try one of these:"}
  <//>`;
}

/** Nothing found: what to try. */
export function Nothing({ q, chosen, offset, turn }) {
  const { data } = useAsked("/api/project", inProject());
  const reading = (data?.states ?? []).filter(({ status }) => !isFinal(status)).reduce((sum, { documents }) => sum + documents, 0);
  const narrowed = Object.keys(chosen).length > 0;
  const anew = Object.fromEntries(Object.keys(chosen).map((name) => [name, ""]));
  if (offset) return html`<${Empty} icon="search" title="No more results" action=${html`<${Button} onClick=${() => turn({ offset: "" })}>To the first<//>`}>There is nothing further.<//>`;
  return html`<${Empty} icon="search" title=${`Nothing found for “${q}”`} action=${narrowed && html`<${Button} onClick=${() => turn(anew)}>Search without filters<//>`}>
    ${narrowed ? "Nothing that the filters leave has these words or means this." : "Try fewer or other words, another spelling, or the name alone."}
    ${reading > 0 && html` ${count(reading, "document")} ${reading === 1 ? "is" : "are"} still being read: <a href=${address("/", inProject({ status: "in_progress" }))}>see which</a>.`}
  <//>`;
}
