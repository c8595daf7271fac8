// Lists: a table where there is room, a card for each row where there is not.
import { html } from "../html.js";
import { Failure, Loading } from "./notice.js";

/**
 * `columns` are `{head, cell, look}`: `cell` draws a row's part; a column without a `head` that is shown has a `name`.
 * The roles are said because a table that is laid out as cards would lose them.
 */
export function Table({ caption, columns, rows, rowKey = "id", rowLook }) {
  return html`<div class="table-frame"><table role="table">
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup"><tr role="row">
      ${columns.map(({ head, name, look }) => html`<th role="columnheader" scope="col" class=${look ?? ""}>${head ?? html`<span class="unseen">${name}</span>`}</th>`)}
    </tr></thead>
    <tbody role="rowgroup">
      ${rows.map((row) => html`<tr role="row" key=${row[rowKey]} class=${rowLook?.(row) ?? ""}>
        ${columns.map(({ head, cell, look }) => html`<td role="cell" class=${look ?? ""} data-head=${head ?? ""}>${cell(row)}</td>`)}
      </tr>`)}
    </tbody>
  </table></div>`;
}

/** A list of `useList`: under way, refused, empty, or its rows and the way to more of them. */
export function Listing({ list, empty, ...table }) {
  if (list.error && !list.items) return html`<${Failure} error=${list.error} again=${list.reload} />`;
  if (!list.items) return html`<${Loading} />`;
  if (list.items.length === 0) return empty;
  return html`
    <${Table} ...${table} rows=${list.items} />
    <${Failure} error=${list.error} again=${list.more} />
    ${list.more && html`<p class="more"><button type="button" class="button" onClick=${list.more} disabled=${list.busy}>Show more</button></p>`}`;
}
