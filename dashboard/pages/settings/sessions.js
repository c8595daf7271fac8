// Where one is signed in.
import { ask, useList } from "../../api.js";
import { html } from "../../html.js";
import { Badge } from "../../parts/badge.js";
import { Moment } from "../../parts/moment.js";
import { say } from "../../parts/notice.js";
import { Card } from "../../parts/page.js";
import { Listing } from "../../parts/table.js";

export function SessionsCard() {
  const sessions = useList("/v1/auth/sessions", "sessions");
  const end = async (path, method, words) => {
    try {
      await ask(method, path);
      say(words);
    } catch (error) {
      say(error.message);
    }
    sessions.reload();
  };
  const others = sessions.items?.some(({ current }) => !current);
  return html`<${Card} title="Sessions" about="Where you are signed in. End what you do not know, and change your password."
    actions=${others && html`<button type="button" class="button small" onClick=${() => end("/v1/auth/sessions/end-others", "POST", "All other sessions are ended.")}>End all others</button>`}>
    <${Listing} list=${sessions} caption="Sessions" columns=${[
      { head: "Browser", look: "main", cell: (one) => html`<b title=${one.userAgent}>${browser(one.userAgent)}</b> ${one.current && html`<${Badge} look="good">This one<//>`}` },
      { head: "From", cell: (one) => html`<code>${one.ip || "–"}</code>` },
      { head: "Last seen", cell: (one) => html`<${Moment} at=${one.lastSeenAt} />` },
      { head: "Signed in", cell: (one) => html`<${Moment} at=${one.createdAt} />` },
      { name: "Actions", look: "end", cell: (one) => !one.current && html`<button type="button" class="button small" onClick=${() => end(`/v1/auth/sessions/${one.id}`, "DELETE", "The session is ended.")}>End</button>` },
    ]} />
  <//>`;
}

/** The browser and the system of a User-Agent, as far as they can be told. */
function browser(agent) {
  const find = (names) => names.find(([mark]) => agent?.includes(mark))?.[1];
  const program = find([["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"], ["curl/", "curl"]]);
  const system = find([["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]]);
  return [program, system].filter(Boolean).join(" on ") || agent?.slice(0, 40) || "Unknown";
}
