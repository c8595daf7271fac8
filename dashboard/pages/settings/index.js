// One's own settings, and what programs need to know of a project.
import { project } from "../../api.js";
import { html } from "../../html.js";
import { Copyable } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { Card, Facts, Heading } from "../../parts/page.js";
import { chosenTheme, chooseTheme } from "../../theme-choice.js";
import { me, projectName } from "../../session.js";
import { PasswordCard, ProfileCard } from "./profile.js";
import { SessionsCard } from "./sessions.js";
import { TwoStepCard } from "./two-step.js";

export function SettingsPage() {
  const { version, captureMailbox, publicUrl } = me.value.server;
  return html`
    <${Heading} title="Settings" about="Your own account, and what programs need to know." />
    <div class="columns">
      <${Card} title="Project" about="Account keys name it in the header x-project-id.">
        <${Facts} rows=${[
          ["Name", projectName(project.value) ?? "–"],
          ["Project id", project.value ? html`<${Copyable} text=${project.value} what="project id" />` : "–"],
        ]} />
      <//>
      <${Card} title="Appearance"><${ThemeChoice} /><//>
      <${ProfileCard} />
      <${PasswordCard} />
      <${TwoStepCard} />
      <${Card} title="This server">
        <${Facts} rows=${[
          ["Version", version],
          ["Address", html`<${Copyable} text=${publicUrl || location.origin} what="address of the server" />`],
          ["Mail", captureMailbox ? "Captured: stored and shown here, sent nowhere" : "Sent through a relay"],
          ["API document", html`<a href="/openapi.json" target="_blank" rel="noreferrer">openapi.json</a>`],
        ]} />
      <//>
    </div>
    <${SessionsCard} />`;
}

const THEMES = [["", "system", "Like the system"], ["light", "sun", "Light"], ["dark", "moon", "Dark"]];

function ThemeChoice() {
  return html`<fieldset class="segments"><legend class="unseen">Theme</legend>
    ${THEMES.map(([value, icon, words]) => html`<label>
      <input type="radio" name="theme" value=${value} checked=${chosenTheme.value === value} onChange=${() => chooseTheme(value)} />
      <span><${Icon} name=${icon} />${words}</span>
    </label>`)}
  </fieldset>`;
}
