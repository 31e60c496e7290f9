// Asking for the way from one name to another.
import { html, useState } from "../core/lib.js";
import { Button } from "../ui/controls.js";
import { Dialog } from "../ui/dialog.js";
import { NamePicker } from "../ui/name-picker.js";
import { Trouble } from "../ui/shown.js";

/** `follow(from, to)` finds it; it may fail. */
export function WayDialog({ from, follow, onClose }) {
  const [to, setTo] = useState(null);
  const [state, set] = useState({ busy: false, fault: null });
  const find = async () => {
    set({ busy: true, fault: null });
    try {
      await follow(from, to);
      onClose();
    } catch (fault) {
      set({ busy: false, fault });
    }
  };
  const actions = html`<${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" busy=${state.busy} disabled=${!to || to.id === from.id} onClick=${find}>Find the way<//>`;
  return html`<${Dialog} title=${`From ${from.name} to …`} onClose=${onClose} actions=${actions}>
    <div class="stack way-dialog">
      ${state.fault && html`<${Trouble} fault=${state.fault} />`}
      <${NamePicker} label="The other name" value=${to?.name} choose=${setTo} />
      <p class="muted small">The shortest way along relations is shown, with the passages of each step.</p>
    </div>
  <//>`;
}
