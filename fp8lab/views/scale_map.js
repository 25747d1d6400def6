/** Call `move(event)` on a press and on each movement until the release. */
function dragging(element, move) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    const over = (moved) => move(moved);
    const end = () => {
      window.removeEventListener("pointermove", over);
      for (const name of ["pointerup", "pointercancel"]) {
        window.removeEventListener(name, end);
      }
    };
    // On the window: a quick hand leaves the element.
    window.addEventListener("pointermove", over);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
    move(event);
  });
}

/** Where a pointer is in an element's box: two fractions from the upper left corner. */
function fractions(event, element) {
  const box = element.getBoundingClientRect();
  const inside = (value) => Math.max(0, Math.min(1, value));
  return [
    inside((event.clientX - box.left) / box.width),
    inside((event.clientY - box.top) / box.height),
  ];
}

/** The heat map: a pixel an element, group borders over it, a ring on the outlier. */
function heatMap(send) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const borders = s("path", { class: "borders" });
  const box = s("rect", { class: "box" });
  const lines = s("svg", { preserveAspectRatio: "none", "aria-hidden": "true" },
    borders, box);
  const ring = h("button", { type: "button", class: "ring" });
  const stage = h("div", { class: "stage" }, canvas, lines, ring);
  const legend = h("ul", { class: "legend", "aria-label": "Relative error by colour" });
  const element = h("div", { class: "map" }, stage, legend);
  let map = {};
  let sent = "";

  const place = (row, column) => {
    const to = {
      row: Math.max(0, Math.min(map.rows - 1, row)),
      column: Math.max(0, Math.min(map.columns - 1, column)),
    };
    const key = `${to.row} ${to.column}`;
    if (key !== sent) send(to);
    sent = key;
  };
  const at = (event) => {
    const [x, y] = fractions(event, stage);
    place(
      Math.min(map.rows - 1, Math.floor(y * map.rows)),
      Math.min(map.columns - 1, Math.floor(x * map.columns)),
    );
  };
  // A finger scrolls the page over the map and drags on the ring; a tap moves the ring.
  dragging(ring, at);
  dragging(stage, (event) => {
    if (event.pointerType !== "touch" && event.target !== ring) at(event);
  });
  stage.addEventListener("click", (event) => {
    if (event.pointerType === "touch") at(event);
  });
  ring.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 8 : 1;
    const move = {
      ArrowLeft: [0, -step], ArrowRight: [0, step],
      ArrowUp: [-step, 0], ArrowDown: [step, 0],
    }[event.key];
    if (!move) return;
    event.preventDefault();
    place(map.row + move[0], map.column + move[1]);
  });

  /** The legend's swatches are the palette: they know the theme's colours. */
  const palette = () => {
    const rgb = (swatch) => getComputedStyle(swatch).backgroundColor.match(/\d+/g);
    const pixels = [...legend.querySelectorAll("i")].map((swatch) =>
      [...rgb(swatch).slice(0, 3), 255]);
    return new Uint32Array(Uint8Array.from(pixels.flat()).buffer);
  };
  const paint = () => {
    // Before it is on the page nothing has a colour yet; its first size says when.
    if (!map.levels || !stage.isConnected) return;
    const colours = palette();
    const picture = new ImageData(map.columns, map.rows);
    const pixels = new Uint32Array(picture.data.buffer);
    bytes(map.levels).forEach((level, i) => { pixels[i] = colours[level]; });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  };
  new ResizeObserver(paint).observe(stage);
  // A new theme is a transition of the swatches (of one millisecond).
  legend.addEventListener("transitionend", paint);

  return {
    element,
    set(state) {
      const next = { ...state.map, row: state.row, column: state.column };
      const resized = next.rows !== map.rows || next.columns !== map.columns;
      const key = JSON.stringify([next.rows, next.row_borders, next.column_borders]);
      if (legend.childElementCount === 0) {
        legend.replaceChildren(...next.legend.map((text, level) =>
          h("li", {}, h("i", { class: `level-${level}` }), text)));
      }
      if (resized) {
        Object.assign(canvas, { width: next.columns, height: next.rows });
        lines.setAttribute("viewBox", `0 0 ${next.columns} ${next.rows}`);
        // A single row or column would otherwise be a hair or a wall.
        const ratio = Math.max(0.5, Math.min(4, next.columns / next.rows));
        stage.style.aspectRatio = String(ratio);
      }
      if (borders.dataset.key !== key) {
        const across = next.row_borders.map((y) => `M0 ${y}H${next.columns}`);
        const down = next.column_borders.map((x) => `M${x} 0V${next.rows}`);
        borders.setAttribute("d", [...across, ...down].join(""));
        borders.dataset.key = key;
        // Dark lines around groups of one row would hide the rows.
        borders.classList.toggle("gaps", next.row_borders[0] < 4);
      }
      map = next;
      paint();
      const [left, top, right, bottom] = map.box;
      const frame = { x: left, y: top, width: right - left, height: bottom - top };
      for (const [name, value] of Object.entries(frame)) box.setAttribute(name, value);
      ring.style.left = `${((map.column + 0.5) / map.columns) * 100}%`;
      ring.style.top = `${((map.row + 0.5) / map.rows) * 100}%`;
      ring.setAttribute("aria-label",
        `Outlier at row ${map.row}, column ${map.column}: arrow keys move it`);
      sent = `${map.row} ${map.column}`;
    },
  };
}

/** Error against the size of the outlier; its horizontal axis is the slider. */
function errorChart(send) {
  const grid = s("path", { class: "grid" });
  const curves = s("g");
  const picture = s("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none" },
    grid, curves);
  const names = h("div", {});
  const cliffs = h("div", {});
  const dot = h("span", { class: "dot" });
  const plot = h("div", { class: "plot", "aria-hidden": "true" },
    picture, cliffs, names, dot);
  const left = h("div", { class: "y-ticks", "aria-hidden": "true" });
  const below = h("div", { class: "x-ticks", "aria-hidden": "true" });
  const slider = h("input", { type: "range", step: "0.01", "aria-label": "Size of the outlier" });
  const size = h("output", { class: "size" });
  const value = h("span", {});
  const title = h("strong", {});
  const cliffWords = h("p", {});
  const element = h("div", { class: "chart" },
    h("p", { class: "chart-title" }, title), cliffWords,
    h("div", { class: "axes" }, left, plot, below, slider),
    h("p", { class: "slider-text" }, "outlier: ", size, value));
  const table = dataTable("The chart as a table");
  let drawn = {};
  let decades = {};

  const sendDecades = (at) => send({ outlier: 10 ** at });
  slider.addEventListener("input", () => sendDecades(Number(slider.value)));
  dragging(plot, (event) => {
    const [x] = fractions(event, plot);
    sendDecades(decades.min + x * (decades.max - decades.min));
  });

  const put = (node, x, y) => {
    node.style.left = `${x * 100}%`;
    if (y !== undefined) node.style.bottom = `${y * 100}%`;
    return node;
  };
  const drawAxes = ({ x_ticks: xs, y_ticks: ys }) => {
    left.replaceChildren(...ys.map(({ at, text }) => put(h("span", {}, text), 0, at)));
    below.replaceChildren(...xs.map(({ at, text }) => put(h("span", {}, text), at)));
    grid.setAttribute("d", ys.map(({ at }) => `M0 ${1 - at}H1`).join("")
      + xs.map(({ at }) => `M${at} 0V1`).join(""));
  };
  const drawLines = (lines) => {
    curves.replaceChildren(...lines.map((line, i) => {
      const points = line.points.map(([x, y]) => `${x} ${1 - y}`);
      const chosen = line.chosen ? " chosen" : "";
      return s("path", { class: `curve line-${i}${chosen}`, d: `M${points.join("L")}` });
    }));
    // Names stand on the left end of their lines, pushed apart where they would touch.
    let lowest = -1;
    names.replaceChildren(...lines
      .map((line, i) => ({ line, i, y: line.points[0][1] }))
      .sort((a, b) => a.y - b.y)
      .map(({ line, i, y }) => {
        lowest = Math.max(y, lowest + 0.075);
        const chosen = line.chosen ? " chosen" : "";
        return put(h("span", { class: `name line-${i}${chosen}` }, line.format), 0, lowest);
      }));
    cliffs.replaceChildren(...lines.map((line, i) => {
      const { precision, zero, title: heading, words: [loses, isZero] } = line.cliff;
      const mark = h("span", { class: `cliff line-${i}${line.chosen ? " chosen" : ""}` });
      mark.style.width = `${(zero - precision) * 100}%`;
      if (line.chosen) {
        cliffWords.className = `cliff-words line-${i}`;
        cliffWords.replaceChildren(`${heading} `,
          h("span", {}, h("i", { class: "dashed" }), loses), " ",
          h("span", {}, h("i", {}), isZero));
      }
      return put(mark, precision);
    }));
  };
  const fillTable = () => {
    if (table.element.open) table.set(drawn.table);
  };
  table.element.addEventListener("toggle", fillTable);

  return {
    element,
    table: table.element,
    set(state) {
      const { chart } = state;
      decades = chart.decades;
      if (!drawn.table) drawAxes(chart);
      setText(title, chart.title);
      const key = JSON.stringify(chart.lines);
      const changed = drawn.key !== key;
      drawn = { key, table: chart.table };
      if (changed) {
        drawLines(chart.lines);
        fillTable();
      }
      put(dot, ...chart.here);
      dot.className = `dot line-${chart.lines.findIndex((line) => line.chosen)}`;
      Object.assign(slider, { min: decades.min, max: decades.max });
      // A state that is one step old must not pull the thumb out of the hand.
      if (!slider.matches(":active")) slider.value = decades.value;
      slider.setAttribute("aria-valuetext", state.outlier_text);
      setText(size, state.outlier_text);
      setText(value, ` (value ${state.outlier_value})`);
    },
  };
}

/** Who pays: the error of four parts of the matrix. */
function partTiles() {
  const element = h("dl", { class: "parts" });
  let tiles = [];
  const tile = ({ kind, name }) => {
    const error = h("dd", {});
    const note = h("dd", { class: "note" });
    const made = h("div", { class: kind }, h("dt", {}, name), error, note);
    return { made, error, note };
  };
  return {
    element,
    set({ parts }) {
      if (!tiles.length) {
        tiles = parts.map(tile);
        element.append(...tiles.map(({ made }) => made));
      }
      parts.forEach((part, i) => {
        setText(tiles[i].error, part.error);
        setText(tiles[i].note, part.note);
      });
    },
  };
}

/** A bar of named shares: `set([{ name, share, text }])`. */
function shareBar(title) {
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  const words = h("p", { class: "words" });
  const element = h("div", { class: "share" }, h("p", {}, h("strong", {}, title)), bar, words);
  let pieces = [];
  const piece = ({ name }) => ({ part: h("i", { class: name }), text: h("span", {}), name });
  return {
    element,
    set(shares) {
      if (!pieces.length) {
        pieces = shares.map(piece);
        bar.append(...pieces.map(({ part }) => part));
        words.append(...pieces.map(({ text, name }) =>
          h("span", {}, h("i", { class: name }), text)));
      }
      shares.forEach((given, i) => {
        pieces[i].part.style.flexGrow = String(given.share);
        setText(pieces[i].text, given.text);
      });
    },
  };
}

/** The formats side by side; a press on a name chooses it. */
function formatTable(send) {
  const body = h("tbody");
  const heads = ["format", "error of the ordinary elements", "became zero", "clipped",
    "error of the outlier", "bits each"];
  const element = h("div", { class: "side-by-side", tabindex: "0", role: "region",
    "aria-label": "The formats side by side" },
    h("table", {}, h("thead", {},
      h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), body));
  const rows = [];
  const row = (i) => {
    const cells = heads.slice(2).map(() => h("td", {}));
    const button = h("button", { type: "button",
      onclick: () => send({ format: button.dataset.format }) });
    const fill = h("i", { class: `fill line-${i}` });
    const error = h("span", {});
    const made = h("tr", {},
      h("th", { scope: "row" }, h("i", { class: `key line-${i}` }), button),
      h("td", {}, h("div", { class: "meter" }, h("span", { class: "track" }, fill), error)),
      cells);
    return { made, button, fill, error, cells };
  };
  return {
    element,
    set({ comparison }) {
      while (rows.length < comparison.length) rows.push(row(rows.length));
      if (body.childElementCount !== comparison.length) {
        body.replaceChildren(...rows.slice(0, comparison.length).map(({ made }) => made));
      }
      comparison.forEach((given, i) => {
        const { made, button, fill, error, cells } = rows[i];
        made.className = given.chosen ? "chosen" : "";
        button.dataset.format = given.format;
        setText(button, given.format);
        button.setAttribute("aria-pressed", given.chosen);
        fill.style.width = `${given.bar * 100}%`;
        setText(error, given.error);
        const texts = [given.underflow, given.clipping, given.outlier, given.bits];
        cells.forEach((cell, j) => setText(cell, texts[j]));
      });
    },
  };
}

export default view("scale_map", (root, send) => {
  const title = h("h3", { class: "fp8-title" });
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const format = selectField("format", (name) => send({ format: name }));
  const group = selectField("scales shared", (name) => send({ group: name }));
  const dtype = selectField("scale stored as", (name) => send({ scale_dtype: name }));
  const rule = selectField("rule", (name) => send({ scale_rule: name }));
  const map = heatMap(send);
  const chart = errorChart(send);
  const parts = partTiles();
  const causes = shareBar("Where the error of the ordinary elements comes from");
  const cost = shareBar("What the scales cost");
  const formats = formatTable(send);

  root.append(
    title,
    h("div", { class: "fp8-row controls" },
      format.element, group.element, dtype.element, rule.element),
    summary,
    h("div", { class: "panels" }, map.element, chart.element),
    parts.element,
    h("div", { class: "shares" }, causes.element, cost.element),
    formats.element,
    chart.table,
  );

  return (state) => {
    setText(title, state.question);
    setText(summary, state.summary);
    format.set(state.formats, state.format);
    group.set(state.groups, state.group);
    dtype.set(state.scale_dtypes, state.scale_dtype);
    rule.set(state.scale_rules, state.scale_rule);
    rule.element.hidden = !state.scale_rule_used;
    map.set(state);
    chart.set(state);
    parts.set(state);
    causes.set(state.causes);
    cost.set(state.cost);
    formats.set(state);
  };
});
