/** Buttons of which one is pressed: `set(pairs of key and text, key)`. */
function pressedButtons(label, onpick) {
  const element = h("div", { class: "pressed-buttons", role: "group", "aria-label": label });
  let known = "";
  return {
    element,
    set(pairs, chosen) {
      if (known !== JSON.stringify(pairs)) {
        known = JSON.stringify(pairs);
        const button = ([key, text]) =>
          h("button", { type: "button", "data-key": key, onclick: () => onpick(key) }, text);
        element.replaceChildren(...pairs.map(button));
      }
      for (const button of element.children) {
        button.setAttribute("aria-pressed", button.dataset.key === chosen);
      }
    },
  };
}

/** The grid of cells: made anew for a new format, recoloured for anything else. */
function codeGrid(select, point) {
  const element = h("div", { class: "map-grid", role: "grid" });
  let cells = [];
  let columns = 16;
  let current = 0;
  let drawn = {};

  const codeAt = (event) => {
    const cell = document
      .elementsFromPoint(event.clientX, event.clientY)
      .find((found) => found.dataset?.code && element.contains(found));
    return cell ? Number(cell.dataset.code) : null;
  };
  element.addEventListener("pointerdown", (event) => {
    const code = codeAt(event);
    if (code !== null) select(code);
  });
  element.addEventListener("pointermove", (event) => {
    const code = codeAt(event);
    point(code);
    if (code !== null && event.buttons === 1 && code !== current) select(code);
  });
  element.addEventListener("pointerleave", () => point(null));
  element.addEventListener("focusin", (event) => {
    if (event.target.dataset.code) point(Number(event.target.dataset.code));
  });
  element.addEventListener("focusout", () => point(null));
  element.addEventListener("keydown", (event) => {
    // From the cell that has the keyboard: the state may be a key behind.
    const code = Number(event.target.dataset.code);
    const row = code - (code % columns);
    const target = {
      ArrowLeft: code - 1,
      ArrowRight: code + 1,
      ArrowUp: code - columns,
      ArrowDown: code + columns,
      Home: event.ctrlKey ? 0 : row,
      End: event.ctrlKey ? cells.length - 1 : row + columns - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    if (target < 0 || target >= cells.length) return;
    cells[target].focus();
    select(target);
  });

  const build = (state) => {
    columns = state.columns;
    const digit = (code) => state.hex[code].slice(-1);
    // Sixteen codes leave room for their values.
    const few = state.hex.length <= columns;
    element.classList.toggle("few", few);
    const cell = (code) =>
      h("div", { role: "gridcell", "data-code": code, tabindex: "-1" },
        state.hex[code].slice(2), few ? h("small", {}, state.values[code]) : null);
    cells = state.hex.map((_, code) => cell(code));
    const head = h("div", { role: "row", class: "heads" },
      h("span", { role: "columnheader", "aria-label": "high digit" }),
      cells.slice(0, columns).map((_, code) =>
        h("span", { role: "columnheader" }, `·${digit(code)}`)));
    const rows = [];
    for (let start = 0; start < cells.length; start += columns) {
      const name = cells.length > columns ? `${state.hex[start].slice(0, -1)}·` : "0x·";
      rows.push(h("div", { role: "row" }, h("span", { role: "rowheader" }, name),
        cells.slice(start, start + columns)));
    }
    // The sign bit is the top bit: the second half of the map is the negative half.
    if (rows.length > 1) rows[rows.length / 2].classList.add("negative");
    element.replaceChildren(head, ...rows);
  };

  return {
    element,
    set(state, describe) {
      if (drawn.format !== state.format) {
        build(state);
        drawn = {};
      }
      const paint = `${state.format} ${state.colour} ${state.usage?.heat}`;
      if (drawn.paint !== paint) {
        const kinds = bytes(state.kinds);
        const heat = state.colour === "usage" ? bytes(state.usage.heat) : null;
        cells.forEach((cell, code) => {
          cell.className = heat ? `heat-${heat[code]}` : state.kind_names[kinds[code]][0];
          cell.setAttribute("aria-label", describe(code));
        });
      }
      cells[current]?.setAttribute("tabindex", "-1");
      cells[current]?.removeAttribute("aria-selected");
      current = state.code;
      cells[current].setAttribute("tabindex", "0");
      cells[current].setAttribute("aria-selected", "true");
      element.setAttribute("aria-label", `The codes of ${state.format}`);
      drawn = { format: state.format, paint };
    },
  };
}

/** One bar for each code in the order of the values. */
function codeStrip(select) {
  const bars = s("g");
  const marker = s("rect", { class: "marker", y: 0, width: 1, height: 100 });
  const picture = s("svg", { role: "img", preserveAspectRatio: "none" }, marker, bars);
  const ticks = h("div", { class: "ticks", "aria-hidden": "true" });
  const title = h("p", { class: "strip-title" });
  const legend = h("ul", { class: "legend", "aria-label": "Colours of the bars" });
  const element = h("div", { class: "strip" }, title, picture, ticks, legend);
  let order = [];
  let drawn = "";
  const pick = (event) => {
    const box = picture.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * order.length);
    select(order[Math.max(0, Math.min(order.length - 1, at))]);
  };
  picture.addEventListener("pointerdown", pick);
  picture.addEventListener("pointermove", (event) => {
    if (event.buttons === 1) pick(event);
  });

  const draw = (state) => {
    order = state.order;
    const kinds = bytes(state.kinds);
    // One path a kind: 256 bars are five elements.
    const paths = state.kind_names.map(() => "");
    state.usage.bars.forEach((height, at) => {
      if (height > 0) {
        // A single element among thousands still gets a visible bar.
        const tall = Math.max(1.5, 96 * height);
        paths[kinds[order[at]]] += `M${at + 0.08} 100v${-tall}h.84v${tall}z`;
      }
    });
    picture.setAttribute("viewBox", `0 0 ${order.length} 100`);
    bars.replaceChildren(
      ...paths.map((d, kind) => s("path", { class: state.kind_names[kind][0], d })));
    ticks.replaceChildren(...state.ticks.map(({ at, text }) => {
      const tick = h("span", {}, text);
      tick.style.left = `${((at + 0.5) / order.length) * 100}%`;
      return tick;
    }));
    const shown = state.kind_names.filter((_, kind) => paths[kind]);
    legend.replaceChildren(
      ...shown.map(([name, text]) => h("li", {}, h("i", { class: name }), text)));
    title.replaceChildren(
      h("strong", {}, "Share of the elements, code by code in the order of the values"),
      h("span", {}, `tallest bar: ${state.usage.bar_top}`));
  };
  return {
    element,
    set(state) {
      element.hidden = !state.usage;
      if (element.hidden) return;
      const key = `${state.format} ${state.usage.bars}`;
      if (drawn !== key) draw(state);
      drawn = key;
      picture.setAttribute("aria-label", state.summary);
      const at = order.indexOf(state.code);
      marker.setAttribute("x", at);
      marker.toggleAttribute("hidden", at < 0);
    },
  };
}

/** The selected code taken apart, and the tensor's four numbers. */
function sidePanel() {
  const hex = h("span", { class: "hex" });
  const value = h("span", { class: "value" });
  const bits = h("p", { class: "bits" });
  const kind = h("p", { class: "kind" });
  const formula = h("p", { class: "fp8-mono formula" });
  const use = h("p", {});
  const scaled = h("p", {});
  const numbers = h("dl", {});
  const element = h("div", { class: "side" },
    h("section", { "aria-label": "Selected code" },
      h("p", { class: "headline" }, hex, h("span", { class: "equals" }, "="), value),
      bits, kind, formula, use, scaled),
    numbers);
  return {
    element,
    set({ selected, usage }) {
      hex.textContent = selected.hex;
      value.textContent = selected.value;
      bits.replaceChildren(...selected.fields.map(([field, text]) =>
        h("span", { class: field }, h("b", {}, text), h("small", {}, field))));
      kind.textContent = selected.kind;
      formula.textContent = selected.formula;
      use.textContent = selected.use;
      scaled.textContent = selected.stands_for
        ? `times the scale: ${selected.stands_for}` : "";
      numbers.hidden = !usage;
      numbers.replaceChildren(...(usage?.numbers ?? []).map((number) =>
        h("div", {}, h("dt", {}, number.name), h("dd", {}, number.value),
          h("dd", { class: "note" }, number.note))));
    },
  };
}

export default view("code_map", (root, send) => {
  let state = {};
  let kinds = [];
  const describe = (code) => {
    const kind = state.kind_names[kinds[code]][1];
    const value = state.values[code] === kind ? "" : `${state.values[code]}, `;
    const use = state.usage
      ? `, ${state.usage.counts[code]} elements (${state.usage.shares[code]})` : "";
    return `${state.hex[code]} = ${value}${kind}${use}`;
  };
  const title = h("h3", { class: "fp8-title" });
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const format = selectField("format", (name) => send({ format: name }));
  const scale = pressedButtons("Scale", (key) => send({ scale: key }));
  const colour = pressedButtons("Colour the cells by", (key) => send({ colour: key }));
  const readout = h("p", { class: "fp8-mono readout", "aria-hidden": "true" });
  const point = (code) => {
    const shown = code ?? state.code;
    readout.textContent = `${state.bits[shown]}   ${describe(shown)}`;
  };
  const select = (code) => send({ code });
  const grid = codeGrid(select, point);
  const legend = h("ul", { class: "legend" });
  const side = sidePanel();
  const strip = codeStrip(select);
  const table = dataTable("The codes as a table");
  table.element.addEventListener("toggle", () => fillTable());

  const fillTable = () => {
    if (!table.element.open) return;
    const use = state.usage;
    table.set([
      ["code", "bits", "kind", "value", ...(use ? ["elements", "share"] : [])],
      ...state.hex.map((hex, code) => [
        hex, state.bits[code], state.kind_names[kinds[code]][1], state.values[code],
        ...(use ? [use.counts[code], use.shares[code]] : []),
      ]),
    ]);
  };
  const drawLegend = () => {
    const entry = (name, text) => h("li", {}, h("i", { class: name }), text);
    legend.replaceChildren(...(state.colour === "usage"
      ? state.usage.heat_legend.map(([level, text]) => entry(`heat-${level}`, text))
      : state.kind_names.map(([name, text], at) => [name, text, state.kind_counts[at]])
        .filter(([, , count]) => count > 0)
        .map(([name, text, count]) => entry(name, `${text} (${count})`))));
    legend.setAttribute("aria-label", state.colour === "usage"
      ? "Elements at a code" : "Kinds of code, and how many codes");
  };

  const withTensor = h("div", { class: "fp8-row" }, scale.element, colour.element);
  root.append(
    title,
    h("div", { class: "fp8-row controls" }, format.element, withTensor),
    summary,
    h("div", { class: "panels" },
      h("div", { class: "map" }, grid.element, readout, legend), side.element),
    strip.element,
    table.element,
  );

  let tabled = "";
  return (next) => {
    state = next;
    kinds = bytes(state.kinds);
    title.textContent = state.question;
    summary.textContent = state.summary;
    format.set(state.formats, state.format);
    withTensor.hidden = !state.usage;
    scale.set(state.scales, state.scale);
    colour.set(state.colours, state.colour);
    grid.set(state, describe);
    point(null);
    drawLegend();
    side.set(state);
    strip.set(state);
    const key = `${state.format} ${state.usage?.counts}`;
    if (tabled !== key) fillTable();
    tabled = key;
  };
});
