"use strict";
// Unpacks plotly.js, then draws every figure for the width and the colours of this window, and again when they change.
(async () => {
  const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const NARROW = 620;

  function unpacked(text) { // base 85 of RFC 1924 with a comma for the less-than sign; a multiple of five characters
    const value = new Uint8Array(128);
    for (let i = 0; i < 85; i++) value[ALPHABET.charCodeAt(i)] = i;
    const bytes = new Uint8Array(text.length / 5 * 4), view = new DataView(bytes.buffer);
    for (let i = 0, at = 0; i < text.length; i += 5, at += 4) {
      let word = 0;
      for (let k = 0; k < 5; k++) word = word * 85 + value[text.charCodeAt(i + k)];
      view.setUint32(at, word);
    }
    return bytes;
  }

  async function unzipped(element) {
    const [size, text] = element.textContent.trim().split(" ");
    const data = new Blob([unpacked(text).subarray(0, Number(size))]);
    return new Response(data.stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  const elements = [...document.querySelectorAll(".plot")];
  if (!elements.length) return;
  const library = document.createElement("script");
  library.textContent = await unzipped(document.getElementById("library"));
  document.head.append(library);

  // In the dark a colour keeps its hue and swaps its lightness, so shades of a family stay apart.
  const SPECIAL = { "#e7e5e4": "#3f3a36", white: "#1c1917", "#d6d3d1": "#57534e", "#292524": "#e7e5e4" };
  function darkened(colour) {
    const key = colour.toLowerCase();
    if (key in SPECIAL) return SPECIAL[key];
    if (!/^#[0-9a-f]{6}$/.test(key)) return colour;
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(key.slice(i, i + 2), 16) / 255);
    const high = Math.max(r, g, b), low = Math.min(r, g, b), light = (high + low) / 2, span = high - low;
    const wanted = 0.86 - 0.5 * light;
    const saturation = span === 0 ? 0 : Math.min(0.75, span / (1 - Math.abs(2 * light - 1)));
    let hue = 0;
    if (span > 0) hue = high === r ? ((g - b) / span) % 6 : high === g ? (b - r) / span + 2 : (r - g) / span + 4;
    return `hsl(${Math.round(hue * 60 + 360) % 360}, ${Math.round(saturation * 100)}%, ${Math.round(wanted * 100)}%)`;
  }
  function recoloured(node) {
    if (Array.isArray(node)) return node.map(recoloured);
    if (node && typeof node === "object") return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, recoloured(v)]));
    return typeof node === "string" && (node.startsWith("#") || node === "white") ? darkened(node) : node;
  }

  // On a narrow window panels stand below one another, legends below all, and rows of buttons become menus.
  function narrowed(figure, width) {
    const layout = figure.layout, names = new Set();
    const axes = Object.keys(layout).filter((k) => /^xaxis\d*$/.test(k)).map((k) => k.slice(5));
    const columns = new Set(axes.map((n) => (layout["xaxis" + n].domain || [0, 1])[0])).size;
    const margin = layout.margin = { ...layout.margin, l: 58, r: 10 };
    let inner = layout.height - margin.t - margin.b;
    if (columns > 1) {
      const gap = 82, rows = Math.max(1, Math.round(axes.length / columns));
      const panel = Math.min(300, (inner - (rows - 1) * gap) / rows);
      inner = axes.length * panel + (axes.length - 1) * gap;
      axes.forEach((n, i) => {
        const top = 1 - i * (panel + gap) / inner;
        layout["xaxis" + n].domain = [0, 1];
        layout["yaxis" + n].domain = [Math.max(0, top - panel / inner), top];
      });
    }
    for (const trace of figure.data) if (trace.showlegend !== false && trace.visible !== false && trace.name) names.add(trace.name);
    // The entries of a legend stand in columns as wide as the longest.
    const longest = Math.max(0, ...[...names].map((name) => name.length));
    const rows = Math.ceil(names.size / Math.max(1, Math.floor((width - 20) / (7 * longest + 50))));
    margin.b = 70 + (names.size > 1 ? 24 * rows + 12 : 0);
    layout.legend = { ...layout.legend, font: { size: 12 }, orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, xanchor: "left", xref: "container" };
    (layout.updatemenus || []).forEach((menu, i, all) => {
      Object.assign(menu, { type: "dropdown", direction: "down", x: 0, xanchor: "left", pad: { b: 8 + 40 * (all.length - 1 - i) } });
      margin.t = 24 + 40 * all.length;
    });
    // Names beside the marks were placed for a wider panel; here the legend tells them.
    for (const trace of figure.data) if (trace.mode === "markers+text") trace.textfont = { ...trace.textfont, color: "rgba(0,0,0,0)" };
    for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key) && layout[key].title) layout[key].title.font = { size: 12 };
    layout.height = inner + margin.t + margin.b;
    return figure;
  }

  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const plots = await Promise.all(elements.map(async (element) => {
    const source = JSON.parse(await unzipped(element.firstElementChild));
    element.textContent = "";
    return { element, source };
  }));
  const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  async function draw() {
    for (const { element, source } of plots) {
      let figure = structuredClone(source);
      if (scheme.matches) figure = recoloured(figure);
      const width = element.clientWidth;
      if (width < NARROW) figure = narrowed(figure, width);
      Plotly.purge(element); // a menu that becomes a row of buttons would leave its head behind
      await Plotly.newPlot(element, figure.data, figure.layout, CONFIG);
      element.dataset.drawn = "yes";
    }
    document.documentElement.dataset.drawn = "yes";
  }
  await draw();
  scheme.addEventListener("change", draw);
  let was = innerWidth < NARROW;
  addEventListener("resize", () => { if ((innerWidth < NARROW) !== was) { was = !was; draw(); } });
})();
