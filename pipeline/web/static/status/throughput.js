// How many documents ended in each minute of the last hour.
import { html } from "../core/lib.js";
import { count, number } from "../core/words.js";
import { Panel } from "../entity/panel.js";

const LATELY = 10;
const AT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function Throughput({ minutes }) {
  const most = Math.max(1, ...minutes.map((each) => each.documents));
  const sum = (part) => part.reduce((total, each) => total + each.documents, 0);
  const said = `${count(sum(minutes), "document")} in the last hour, ${number(sum(minutes.slice(-LATELY)))} in the last ${LATELY} minutes`;
  const at = (each) => AT.format(new Date(each.minute));
  if (!minutes.length) return null;
  return html`<${Panel} title="Throughput" note=${said}>
    <div class="bars" role="img" aria-label=${`${said}; at most ${number(most)} in a minute`}>
      ${minutes.map((each) => html`<i key=${each.minute} title=${`${at(each)}: ${count(each.documents, "document")}`}><b style=${{ height: `${(100 * each.documents) / most}%` }}></b></i>`)}
    </div>
    <div class="bars-foot muted" aria-hidden="true"><span>${at(minutes[0])}</span><span>${at(minutes[Math.floor(minutes.length / 2)])}</span><span>now</span></div>
  <//>`;
}
