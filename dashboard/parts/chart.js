// A chart of stacked bars over time, and the same as a table.
import { html, useEffect, useId, useRef, useState } from "../html.js";

const HEIGHT = 200;
const EDGE = { left: 44, right: 8, top: 12, bottom: 26 };

/** The next round figure: 1, 2 or 5 times a power of ten, four of which reach the top. */
function step(highest) {
  const rough = Math.max(highest, 4) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
}

function useWidth(element) {
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const watch = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(260, Math.floor(contentRect.width))));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** `series` are `{name, words, look}`, the lowest first; one more may be drawn as a `line` across each bar. `points` are `{label, at, [name]: number}`. */
export function Chart({ title, series, line, points }) {
  const frame = useRef();
  const width = useWidth(frame);
  const [asTable, setAsTable] = useState(false);
  const [near, setNear] = useState(null);
  const id = useId();
  const all = line ? [line, ...series] : series;
  const total = (point) => series.reduce((sum, { name }) => sum + point[name], 0);
  return html`<figure class="chart" aria-labelledby=${id}>
    <figcaption>
      <span id=${id} class="title">${title}</span>
      <ul class="legend">${all.map(({ words, look }) => html`<li><i class=${`fill-${look}`}></i>${words}</li>`)}</ul>
      <button type="button" class="button quiet small" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>Show as table</button>
    </figcaption>
    <div ref=${frame} class="drawing">
      ${asTable
        ? html`<${Figures} title=${title} series=${all} points=${points} />`
        : html`<${Drawing} ...${{ title, series, line, points, width, total, setNear }} />`}
      ${!asTable && near !== null && points[near] && html`<${Reading} series=${all} point=${points[near]} share=${near / points.length} />`}
    </div>
  </figure>`;
}

function Drawing({ title, series, line, points, width, total, setNear }) {
  const size = step(Math.max(0, ...points.map((point) => Math.max(total(point), line ? point[line.name] : 0))));
  const top = size * 4;
  const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
  const slot = inner.width / Math.max(points.length, 1);
  const bar = Math.max(1, Math.min(28, slot - Math.max(1, slot * 0.28)));
  const y = (value) => EDGE.top + inner.height * (1 - value / top);
  const left = (index) => EDGE.left + slot * index + (slot - bar) / 2;
  const every = Math.ceil((points.length * 58) / inner.width);
  const sum = points.reduce((all, point) => all + total(point), 0);
  const move = (event) => {
    const { left: start } = event.currentTarget.getBoundingClientRect();
    const index = Math.floor((event.clientX - start - EDGE.left) / slot);
    setNear(index >= 0 && index < points.length ? index : null);
  };
  return html`<svg width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} role="img"
    aria-label=${`${title}: ${sum.toLocaleString("en")} in all. “Show as table” has the figures.`}
    onPointerMove=${move} onPointerLeave=${() => setNear(null)}>
    ${[0, 1, 2, 3, 4].map((line) => html`<g>
      <line class=${line ? "grid" : "base"} x1=${EDGE.left} x2=${width - EDGE.right} y1=${y(line * size)} y2=${y(line * size)} />
      <text class="figure" x=${EDGE.left - 8} y=${y(line * size) + 4}>${short(line * size)}</text>
    </g>`)}
    ${points.map((point, index) => {
      let reached = 0;
      return html`<g>
        ${series.map(({ name, look }) => {
          const from = y(reached);
          reached += point[name];
          const tall = from - y(reached);
          return tall > 0 && html`<rect class=${`fill-${look}`} x=${left(index)} y=${y(reached)} width=${bar} height=${Math.max(tall, 1)} />`;
        })}
        ${line && point[line.name] > 0 && html`<line class="mark-line" x1=${left(index) - 2} x2=${left(index) + bar + 2} y1=${y(point[line.name])} y2=${y(point[line.name])} />`}
        ${(points.length - 1 - index) % every === 0 && html`<${Mark} right=${width - EDGE.right} x=${left(index) + bar / 2} label=${point.label} />`}
      </g>`;
    })}
  </svg>`;
}

/** What a bar stands for, below it; the last one must not run out of the picture. */
function Mark({ x, right, label }) {
  const isLast = x + 22 > right;
  return html`<text class=${isLast ? "day last" : "day"} x=${isLast ? right : x} y=${HEIGHT - 8}>${label}</text>`;
}

const short = (value) => (value >= 1e6 ? `${value / 1e6} M` : value >= 1e4 ? `${value / 1e3} k` : value.toLocaleString("en"));

/** What the bar under the pointer stands for. */
function Reading({ series, point, share }) {
  const place = useRef();
  useEffect(() => {
    place.current.style.left = `${(share * 100).toFixed(1)}%`;
    place.current.style.transform = `translateX(${share > 0.5 ? "-100%" : "3rem"})`;
  });
  return html`<div ref=${place} class="reading" aria-hidden="true">
    <b>${point.at ?? point.label}</b>
    ${series.map(({ name, words, look }) => html`<span><i class=${`fill-${look}`}></i>${words}<em>${point[name].toLocaleString("en")}</em></span>`)}
  </div>`;
}

function Figures({ title, series, points }) {
  return html`<div class="figures" tabindex="0" role="region" aria-label=${title}><table>
    <thead><tr><th scope="col">Time</th>${series.map(({ words }) => html`<th scope="col" class="number">${words}</th>`)}</tr></thead>
    <tbody>${points.map((point) => html`<tr>
      <th scope="row">${point.at ?? point.label}</th>
      ${series.map(({ name }) => html`<td class="number">${point[name].toLocaleString("en")}</td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}
