/** The legend's entry for a level: colours are read off it, they know the theme. */
function swatches(names) {
  const element = h("span", { class: "palette", "aria-hidden": "true" },
    names.map((_, level) => h("i", { class: `level-${level}` })));
  const pixels = () => {
    const parts = [...element.children].map((swatch) => {
      const rgb = getComputedStyle(swatch).backgroundColor.match(/\d+/g);
      return [...rgb.slice(0, 3), 255];
    });
    return new Uint32Array(Uint8Array.from(parts.flat()).buffer);
  };
  return { element, pixels };
}

/** One error: a bar whose parts are its causes, and the number. */
function errorBar() {
  const track = h("span", { class: "track", "aria-hidden": "true" });
  const value = h("span", { class: "value" });
  const element = h("div", { class: "bar-line" }, track, value);
  return {
    element,
    set({ text, parts }) {
      if (!track.childElementCount) {
        track.append(...parts.map(({ name }) => h("i", { class: name })));
      }
      parts.forEach(({ length }, i) => {
        track.children[i].style.width = percent(length);
      });
      setText(value, text);
    },
  };
}

/** The three schemes side by side; a press on a row looks at it. */
function schemeTable(send) {
  const body = h("tbody");
  const axes = [0, 1].map(() => {
    const text = h("span", {});
    const full = h("small", {});
    return { element: h("th", { scope: "col", class: "errors" }, text, full), text, full };
  });
  const whole = h("th", { scope: "col" });
  const head = (text) => h("th", { scope: "col" }, text);
  const element = h("table", { class: "schemes" },
    h("thead", {}, h("tr", {}, head("scheme"), axes.map((axis) => axis.element), whole,
      head("became zero"), head("clipped"), head("bits each"))), body);
  const rows = [];
  const row = ({ key }, i) => {
    const name = h("button", { type: "button" });
    const rank = h("span", { class: "fp8-chip rank" });
    const detail = h("small", {});
    const bars = axes.map(() => {
      const bar = errorBar();
      const label = h("small", { class: "label" });
      return { ...bar, label, cell: h("td", { class: "errors" }, label, bar.element) };
    });
    const [error, sqnr, zero, clipped, bits] = [0, 1, 2, 3, 4].map(() => h("span", {}));
    const label = h("small", { class: "label" });
    const cell = (text, ...children) =>
      h("td", { class: "number" }, h("small", { class: "label" }, text), children);
    const made = h("tr", { onclick: () => send({ look: key }) },
      h("th", { scope: "row" }, h("span", { class: "name" }, `${i + 1}`, name, rank), detail),
      bars.map((bar) => bar.cell),
      h("td", { class: "number whole" }, label, error, sqnr),
      cell("became zero", zero), cell("clipped", clipped), cell("bits each", bits));
    const texts = { name, rank, detail, error, sqnr, zero, clipped, bits };
    return { made, name, rank, bars, error, label, texts };
  };
  return {
    element,
    set({ schemes, axes: shown }) {
      if (!rows.length) {
        rows.push(...schemes.map(row));
        body.append(...rows.map(({ made }) => made));
      }
      // Without outliers the error of the whole tensor stands in its bar already.
      const single = shown.length === 1;
      element.classList.toggle("single", single);
      setText(whole, single ? "SQNR" : "whole tensor");
      axes.forEach(({ element: th, text, full }, i) => {
        th.hidden = !shown[i];
        setText(text, shown[i]?.text ?? "");
        setText(full, shown[i]?.full ?? "");
      });
      schemes.forEach((given, i) => {
        const { made, name, rank, bars, error, label, texts } = rows[i];
        made.classList.toggle("looked", given.looked);
        name.setAttribute("aria-pressed", given.looked);
        for (const [key, node] of Object.entries(texts)) setText(node, given[key]);
        rank.hidden = !given.rank;
        error.hidden = single;
        setText(label, single ? "SQNR" : "whole tensor");
        bars.forEach((bar, j) => {
          bar.cell.hidden = !given.bars[j];
          if (!given.bars[j]) return;
          bar.set(given.bars[j]);
          setText(bar.label, `${shown[j].text}, ${shown[j].full}`);
        });
      });
    },
  };
}

/** What the colours of the bars mean, with the numbers of the scheme looked at. */
function causeTable() {
  const head = h("tr");
  const body = h("tbody");
  let drawn = "";
  return {
    element: h("table", { class: "causes" }, h("thead", {}, head), body),
    set({ causes, causes_of: name, axes }) {
      const key = JSON.stringify([causes, name]);
      if (drawn === key) return;
      drawn = key;
      const of = axes.length === 1 ? ["of the error"] : ["ordinary error", "outlier error"];
      const heads = [`“${name}” by cause`, "elements", ...of];
      head.replaceChildren(...heads.map((text) => h("th", { scope: "col" }, text)));
      body.replaceChildren(...causes.map((cause) => h("tr", {},
        h("th", { scope: "row" }, h("i", { class: cause.name }), cause.text),
        [cause.count, ...cause.shares].map((text) => h("td", {}, text)))));
    },
  };
}

/** One bar for each code in the order of the values: the histogram. */
function codeStrip(point) {
  const bars = s("path", {});
  const picture = s("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, bars);
  const ticks = h("div", { class: "ticks", "aria-hidden": "true" });
  const title = h("small", {});
  let order = [];
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * order.length);
    point(order[Math.max(0, Math.min(order.length - 1, at))]);
  });
  picture.addEventListener("pointerleave", () => point(null));
  return {
    element: h("div", { class: "strip" }, title, picture, ticks),
    set(codes) {
      order = codes.order;
      picture.setAttribute("viewBox", `0 0 ${order.length} 100`);
      // A single element among thousands still gets a visible bar.
      bars.setAttribute("d", codes.bars.map((height, at) => {
        const tall = Math.max(1.5, 98 * height);
        return height > 0 ? `M${at + 0.08} 100v${-tall}h.84v${tall}z` : "";
      }).join(""));
      setText(title, codes.bar_title);
      ticks.replaceChildren(...codes.ticks.map(([at, text]) => {
        const tick = h("span", {}, text);
        tick.style.left = percent((at + 0.5) / order.length);
        return tick;
      }));
    },
  };
}

/** The codes by how often they are used; a look at a cell tells its number. */
function codeGrid() {
  const title = h("h4", {});
  const summary = h("p", { class: "fp8-note" });
  const grid = h("div", { class: "map-grid", role: "grid" });
  const readout = h("p", { class: "fp8-mono readout", "aria-hidden": "true" });
  const legend = h("ul", { class: "legend", "aria-label": "Elements at a code" });
  const strip = codeStrip((code) => point(code));
  const element = h("section", { class: "codes" },
    title, summary, grid, legend, strip.element, readout);
  const table = dataTable("The codes as a table");
  let state = {};
  let cells = [];
  let current = 0;
  let drawn = {};

  const describe = (code) => `${state.hex[code]} = ${state.values[code]}: `
    + `${state.counts[code]} elements (${state.shares[code]})`;
  const point = (code) => {
    setText(readout, code === null ? "Point at a code, or walk with the arrow keys."
      : describe(code));
  };
  const codeOf = (event) => {
    const cell = event.target.closest("[data-code]");
    return cell ? Number(cell.dataset.code) : null;
  };
  const visit = (code) => {
    cells[current].setAttribute("tabindex", "-1");
    current = code;
    cells[current].setAttribute("tabindex", "0");
  };
  grid.addEventListener("pointerover", (event) => point(codeOf(event)));
  grid.addEventListener("pointerleave", () => point(null));
  grid.addEventListener("focusin", (event) => point(codeOf(event)));
  grid.addEventListener("focusout", () => point(null));
  grid.addEventListener("keydown", (event) => {
    const { columns } = state;
    const row = current - (current % columns);
    const target = {
      ArrowLeft: current - 1,
      ArrowRight: current + 1,
      ArrowUp: current - columns,
      ArrowDown: current + columns,
      Home: event.ctrlKey ? 0 : row,
      End: event.ctrlKey ? cells.length - 1 : row + columns - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    if (target < 0 || target >= cells.length) return;
    visit(target);
    cells[target].focus();
  });

  const build = () => {
    const few = state.hex.length <= state.columns;
    grid.classList.toggle("few", few);
    cells = state.hex.map((hex, code) => h("div", {
      role: "gridcell", tabindex: "-1", "data-code": code, "data-value": state.values[code],
    }, hex.slice(2)));
    const rows = [];
    for (let start = 0; start < cells.length; start += state.columns) {
      rows.push(h("div", { role: "row" }, cells.slice(start, start + state.columns)));
    }
    // The sign bit is the top bit: the second half of the map is the negative half.
    if (rows.length > 1) rows[rows.length / 2].classList.add("negative");
    grid.replaceChildren(...rows);
    current = 0;
    visit(0);
  };
  const fillTable = () => {
    if (!table.element.open) return;
    table.set([["code", "value", "elements", "share"], ...state.hex.map((hex, code) =>
      [hex, state.values[code], state.counts[code], state.shares[code]])]);
  };
  table.element.addEventListener("toggle", fillTable);

  return {
    element,
    table: table.element,
    set({ codes, format }) {
      state = codes;
      if (drawn.format !== format) build();
      setText(title, codes.title);
      setText(summary, codes.summary);
      grid.setAttribute("aria-label", codes.title);
      const key = `${format} ${codes.heat} ${codes.counts}`;
      if (drawn.key !== key) {
        const heat = bytes(codes.heat);
        cells.forEach((cell, code) => {
          cell.className = `heat-${heat[code]}`;
          // Without 0x: the name begins with what stands in the cell.
          cell.setAttribute("aria-label", describe(code).slice(2));
        });
        legend.replaceChildren(...codes.heat_legend.map(([level, text]) =>
          h("li", {}, h("i", { class: `heat-${level}` }), text)));
        strip.set(codes);
        fillTable();
      }
      drawn = { format, key };
      const focused = grid.contains(document.activeElement);
      point(focused ? current : null);
    },
  };
}

/** Where the error is: a pixel a cell, group borders over it, a cursor to read it. */
function errorMap() {
  const title = h("h4", {});
  const summary = h("p", { class: "fp8-note" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const borders = s("path", { class: "borders" });
  const cursor = s("rect", { class: "cursor", width: 1, height: 1, hidden: true });
  const lines = s("svg", { preserveAspectRatio: "none", "aria-hidden": "true" },
    borders, cursor);
  const stage = h("div", { class: "stage", tabindex: "0", role: "application" },
    canvas, lines);
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const legend = h("ul", { class: "legend", "aria-label": "Relative error by colour" });
  const element = h("section", { class: "where" }, title, summary, stage, readout, legend);
  const table = dataTable("The worst cells as a table");
  let map = {};
  let levels = [];
  let palette = null;
  let at = { row: 0, column: 0 };

  const span = (word, index, size, whole) => {
    const first = index * size;
    const last = Math.min(first + size, whole) - 1;
    const text = (number) => number.toLocaleString("en");
    return first === last ? `${word} ${text(first)}` : `${word}s ${text(first)}–${text(last)}`;
  };
  const point = (place) => {
    cursor.toggleAttribute("hidden", place === null);
    if (place === null) {
      setText(readout, "Point at a cell, or walk with the arrow keys.");
      return;
    }
    at = place;
    cursor.setAttribute("x", at.column);
    cursor.setAttribute("y", at.row);
    const [down, across] = map.cell;
    const level = map.names[levels[at.row * map.columns + at.column]];
    setText(readout, `${span("row", at.row, down, map.shape[0])}, `
      + `${span("column", at.column, across, map.shape[1])}: ${level}`);
  };
  const inside = (value, count) => Math.max(0, Math.min(count - 1, value));
  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    point({
      row: inside(Math.floor(((event.clientY - box.top) / box.height) * map.rows), map.rows),
      column: inside(
        Math.floor(((event.clientX - box.left) / box.width) * map.columns), map.columns),
    });
  });
  stage.addEventListener("pointerleave", () => point(null));
  stage.addEventListener("blur", () => point(null));
  stage.addEventListener("focus", () => {
    if (stage.matches(":focus-visible")) point(at);
  });
  stage.addEventListener("keydown", (event) => {
    const move = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
    }[event.key];
    if (!move) return;
    event.preventDefault();
    const step = event.shiftKey ? 8 : 1;
    point({
      row: inside(at.row + step * move[0], map.rows),
      column: inside(at.column + step * move[1], map.columns),
    });
  });

  const paint = () => {
    // Before it is on the page nothing has a colour yet; its first size says when.
    if (!palette || !stage.isConnected) return;
    const colours = palette.pixels();
    const picture = new ImageData(map.columns, map.rows);
    const pixels = new Uint32Array(picture.data.buffer);
    levels.forEach((level, i) => { pixels[i] = colours[level]; });
    canvas.getContext("2d").putImageData(picture, 0, 0);
  };
  new ResizeObserver(paint).observe(stage);
  // A new theme is a transition of the swatches (of one millisecond).
  element.addEventListener("transitionend", paint);

  return {
    element,
    table: table.element,
    set(state) {
      const next = state.map;
      if (!palette) {
        palette = swatches(next.names);
        element.append(palette.element);
      }
      if (next.rows !== map.rows || next.columns !== map.columns) {
        Object.assign(canvas, { width: next.columns, height: next.rows });
        lines.setAttribute("viewBox", `0 0 ${next.columns} ${next.rows}`);
        // A vector would otherwise be a hair.
        stage.style.aspectRatio = String(
          Math.max(0.6, Math.min(12, next.columns / next.rows)));
        at = { row: 0, column: 0 };
      }
      map = next;
      levels = bytes(map.levels);
      setText(title, map.title);
      setText(summary, map.summary);
      stage.setAttribute("aria-label",
        `${map.title}. ${map.summary} The arrow keys read a cell.`);
      borders.setAttribute("d", [
        ...map.row_borders.map((y) => `M0 ${y}H${map.columns}`),
        ...map.column_borders.map((x) => `M${x} 0V${map.rows}`),
      ].join(""));
      legend.replaceChildren(h("li", {}, h("small", {}, "cells by error:")),
        ...map.legend.map(({ level, text, count }) => h("li", {},
        h("i", { class: `level-${level}` }), text, h("small", {}, count))));
      table.set(map.table);
      paint();
      point(stage.matches(":focus-visible, :hover") ? at : null);
    },
  };
}

export default view("quantizer", (root, send) => {
  const title = h("h3", { class: "fp8-title" });
  const facts = h("p", { class: "facts" });
  const summary = h("div", { class: "summary", "aria-live": "polite" });
  let said = "";
  const format = selectField("format", (name) => send({ format: name }));
  const group = selectField("scales shared", (name) => send({ group: name, look: "group" }));
  const dtype = selectField("scale stored as", (name) => send({ scale_dtype: name }));
  const rule = selectField("rule", (name) => send({ scale_rule: name }));
  const schemes = schemeTable(send);
  const causes = causeTable();
  const table = dataTable("The three schemes as a table");
  const codes = codeGrid();
  const map = errorMap();
  const note = h("p", { class: "fp8-note" });

  root.append(
    title, facts,
    h("div", { class: "fp8-row controls" },
      format.element, group.element, dtype.element, rule.element),
    summary, schemes.element, causes.element,
    h("div", { class: "panels" }, codes.element, map.element),
    table.element, codes.table, map.table, note,
  );

  // The rows become cards long before the whole view is narrow.
  new ResizeObserver(() => {
    root.classList.toggle("cards", root.clientWidth < 860);
  }).observe(root);

  return (state) => {
    setText(title, state.question);
    setText(facts, state.facts);
    if (said !== state.summary) {
      said = state.summary;
      summary.replaceChildren(...state.sentences.map((text) => h("p", {}, text)));
    }
    format.set(state.formats, state.format);
    group.set(state.groups, state.group);
    dtype.set(state.scale_dtypes, state.scale_dtype);
    rule.set(state.scale_rules, state.scale_rule);
    rule.element.hidden = !state.scale_rule_used;
    schemes.set(state);
    causes.set(state);
    codes.set(state);
    map.set(state);
    table.set(state.table);
    setText(note, state.note);
    note.hidden = !state.note;
  };
});
