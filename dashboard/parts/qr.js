// A QR code as one path, so that it is sharp at every size.
import { html, useEffect, useState } from "../html.js";

/** The encoder is fetched only by who needs it. */
export function QrCode({ text, label }) {
  const [path, setPath] = useState(null);
  useEffect(() => {
    import("../vendor/qrcode.js").then(({ qrcode }) => {
      const code = qrcode(0, "M");
      code.addData(text);
      code.make();
      const size = code.getModuleCount();
      let drawn = "";
      for (let y = 0; y < size; y += 1) {
        for (let x = 0; x < size; x += 1) if (code.isDark(y, x)) drawn += `M${x} ${y}h1v1h-1z`;
      }
      setPath({ drawn, size });
    }, () => setPath(null));
  }, [text]);
  if (!path) return null;
  // Four modules of quiet on each side, and dark on light in every theme: readers insist on both.
  return html`<svg class="qr" role="img" aria-label=${label} viewBox=${`-4 -4 ${path.size + 8} ${path.size + 8}`} shape-rendering="crispEdges">
    <rect x="-4" y="-4" width=${path.size + 8} height=${path.size + 8} fill="#fff" /><path d=${path.drawn} fill="#000" />
  </svg>`;
}
