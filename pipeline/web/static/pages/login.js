// Log in with a key, or by a link that carries one once.
import { ask } from "../core/api.js";
import { html, useEffect, useState } from "../core/lib.js";
import { go, place, useTitle } from "../core/router.js";
import { session } from "../core/session.js";
import { Button } from "../ui/controls.js";
import { Trouble } from "../ui/shown.js";

export default function Login() {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(null);
  useTitle("Log in");

  const enter = async (proof) => {
    setBusy(true);
    try {
      const who = await ask("POST", "/api/session", { body: proof });
      session.set(who);
      if (place.value.path === "/login") go("/", { replace: true });
    } catch (failed) {
      setFault(failed);
      setBusy(false);
    }
  };

  useEffect(() => {
    const once = new URLSearchParams(window.location.hash.slice(1)).get("once");
    if (once) {
      history.replaceState({}, "", "/login"); // it must not stay in the history
      enter({ once });
    } else if (session.value) go("/", { replace: true });
  }, []);

  const submitted = (event) => {
    event.preventDefault();
    enter({ key: new FormData(event.target).get("key").trim() });
  };
  return html`<main id="main" class="login">
    <form class="card stack" onSubmit=${submitted} aria-busy=${busy}>
      <img src=${new URL("../icon.svg", import.meta.url)} alt="" width="48" height="48" />
      <h1>nlp-pipeline</h1>
      <p class="muted">Documents in; what is in them, and where, out.</p>
      ${fault && html`<${Trouble} fault=${fault} />`}
      <input name="username" autocomplete="username" value="nlp-pipeline" hidden readonly />
      <label class="field"><span>Key</span><input name="key" type="password" required autocomplete="current-password" autofocus spellcheck="false" /></label>
      <${Button} kind="primary" type="submit" busy=${busy}>Log in<//>
      <p class="muted small">No key? <code>nlp-pipeline link</code> prints a link that opens this page once.</p>
    </form>
  </main>`;
}
