// What number is this code, and what surrounds it? Click or drag bits, type any form.

/** The bits as buttons, one group a field; `paint(digits)` sends what was toggled. */
function bitButtons(paint, step) {
  const groups = h("div", { class: "groups", role: "group", "aria-label": "Bits" });
  let buttons = [];
  let digits = [];
  let shown = "";
  let stroke = null;

  const toggle = (index, digit) => {
    if (digits[index] === digit) return;
    digits[index] = digit;
    paint(digits.join(""));
  };
  const flip = (index) => toggle(index, digits[index] === "1" ? "0" : "1");
  const under = (event) => {
    const found = document.elementFromPoint(event.clientX, event.clientY);
    const index = buttons.indexOf(found?.closest("button"));
    return index < 0 ? null : index;
  };

  groups.addEventListener("pointerdown", (event) => {
    const index = under(event);
    if (index === null) return;
    groups.setPointerCapture(event.pointerId);
    flip(index);
    stroke = digits[index];
    buttons[index].focus({ preventScroll: true });
    event.preventDefault();
  });
  groups.addEventListener("pointermove", (event) => {
    if (stroke === null || !groups.hasPointerCapture(event.pointerId)) return;
    const index = under(event);
    if (index !== null) toggle(index, stroke);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    groups.addEventListener(end, () => { stroke = null; });
  }
  groups.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target);
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const way = { ArrowUp: "next", ArrowDown: "previous" }[event.key];
    if (at < 0 || !(side || way)) return;
    event.preventDefault();
    if (way) step(way);
    else buttons[(at + side + buttons.length) % buttons.length].focus();
  });

  const build = (fields) => {
    const weighed = fields.some((field) => field.weights.length > 0);
    const held = buttons.findIndex((button) => button.matches(":focus"));
    buttons = [];
    groups.style.setProperty("--bits", fields.reduce((n, f) => n + f.bits.length, 0));
    groups.classList.toggle("many", fields.some((field) => field.bits.length > 10));
    groups.replaceChildren(...fields.map((field) =>
      h("div", { class: `field ${field.name}` },
        h("div", { class: "name" }, field.name),
        h("div", { class: "cells" }, [...field.bits].map((_, i) => {
          const index = buttons.length;
          const button = h("button", { type: "button", tabindex: index ? "-1" : "0",
            // A click without a pointer comes from the keyboard or a screen reader.
            onclick: (event) => { if (event.detail === 0) flip(index); },
            onfocus: () => buttons.forEach((b, n) => b.setAttribute("tabindex",
              n === index ? "0" : "-1")) });
          button.dataset.name = `${field.name} bit ${field.bits.length - 1 - i}`;
          buttons.push(button);
          return h("div", { class: "cell" }, button,
            weighed ? h("div", { class: "weight" }, field.weights[i] ?? "\u00a0") : null);
        })),
        h("div", { class: "reading" }))));
    if (held >= 0) buttons[Math.min(held, buttons.length - 1)].focus();
  };

  return {
    element: groups,
    set(fields) {
      const layout = JSON.stringify(fields.map((f) => [f.name, f.bits.length]));
      if (layout !== shown) build(fields);
      shown = layout;
      digits = fields.flatMap((field) => [...field.bits]);
      buttons.forEach((button, i) => {
        setText(button, digits[i]);
        button.setAttribute("aria-pressed", String(digits[i] === "1"));
        button.setAttribute("aria-label", `${button.dataset.name}: ${digits[i]}`);
      });
      groups.querySelectorAll(".reading").forEach((reading, i) => {
        reading.textContent = fields[i].reading;
      });
    },
  };
}

/** The code among its neighbours, its rounding bin, and the number that was typed. */
function neighbourStrip() {
  const bin = s("rect", { class: "bin", y: 16, height: 30, rx: 3 });
  const line = s("line", { class: "base", x1: 0, x2: "100%", y1: 31, y2: 31 });
  const ticks = [0, 1, 2, 3, 4].map(() => s("line", { class: "tick", y1: 20, y2: 42 }));
  const values = labelRow(60, "values");
  const codes = labelRow(75, "codes");
  const asked = s("path", { class: "asked", d: "M0 15l-6 -9h12Z" });
  const place = s("svg", { y: 0, overflow: "visible" }, asked);
  const svg = s("svg", { class: "strip", height: 80, "aria-hidden": "true" },
    bin, line, ticks, place, values.element, codes.element);
  return {
    element: svg,
    set(strip) {
      svg.style.display = strip ? "" : "none";
      if (!strip) return;
      const width = svg.clientWidth || 800;
      bin.setAttribute("x", percent(strip.bin[0]));
      bin.setAttribute("width", percent(strip.bin[1] - strip.bin[0]));
      ticks.forEach((tick, i) => {
        const given = strip.ticks[i];
        tick.style.display = given ? "" : "none";
        if (!given) return;
        tick.setAttribute("class", given.here ? "tick here" : "tick");
        tick.setAttribute("x1", percent(given.at));
        tick.setAttribute("x2", percent(given.at));
      });
      // The code itself first, then outward: on a phone the farthest texts give way.
      const here = strip.ticks.findIndex((tick) => tick.here);
      const order = strip.ticks.map((tick, i) => [Math.abs(i - here), tick])
        .sort((a, b) => a[0] - b[0]).map(([, tick]) => tick);
      values.set(order.map((tick) => [tick.at, tick.value]), width);
      codes.set(order.map((tick) => [tick.at, tick.hex]), width);
      place.style.display = strip.asked === null ? "none" : "";
      if (strip.asked !== null) place.setAttribute("x", percent(strip.asked));
    },
  };
}

export default view("bit_field", (root, send) => {
  let state = null;
  const type = (kind) => (text) => send({ text, kind, code: null });
  const step = (way) => {
    if (state[way]) send({ text: state[way].bits, kind: "bits", code: null });
  };
  // Another format is asked for the value, not for the bits.
  const choose = (format) =>
    send({ format, text: state.reference, kind: "value", code: null });

  const format = selectField("Format", choose);
  const layout = h("span", { class: "layout" });
  const value = h("div", { class: "value" });
  const kind = h("div", { class: "fp8-chip kind" });
  const bits = bitButtons(type("bits"), step);
  const forms = {
    value: textField("Value", type("value")),
    bits: textField("Bits", type("bits"), { class: "fp8-mono" }),
    hex: textField("Hex", type("hex"), { class: "fp8-mono" }),
    code: textField("Code", type("code"), { inputmode: "numeric" }),
  };
  const formula = h("p", { class: "formula" });
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const strip = neighbourStrip();
  const stepper = (way, sign) => {
    const text = h("span");
    const button = h("button", { type: "button", class: way, onclick: () => step(way) },
      way === "previous" ? [sign, text] : [text, sign]);
    return { button, text };
  };
  const steps = { previous: stepper("previous", "◀ "), next: stepper("next", " ▶") };
  const ulp = h("span", { class: "ulp" });
  const asked = h("span", { class: "key" }, h("i"), "the value you typed");
  const legend = h("p", { class: "fp8-note" }, h("span", { class: "key" },
    h("i", { class: "bin" }), "the numbers that round to this code"), asked);
  const table = h("table", { class: "others" });

  root.append(
    h("h3", { class: "fp8-title" }, "What number is this code, and what surrounds it?"),
    h("div", { class: "fp8-row head" }, format.element, layout),
    h("div", { class: "top" }, bits.element, h("div", { class: "readout" }, value, kind)),
    h("div", { class: "forms" }, Object.values(forms).map((form) => form.element)),
    formula, summary,
    h("div", { class: "around", role: "group", "aria-label": "Neighbours" },
      strip.element,
      h("div", { class: "fp8-row steps" }, steps.previous.button, ulp, steps.next.button)),
    legend,
    h("h4", {}, "The same value in other formats, with its relative error"),
    h("div", { class: "wide", tabindex: "0", role: "region",
      "aria-label": "The same value in other formats" }, table),
    h("p", { class: "fp8-note" }, "Click or drag over bits. With a bit in focus: ← → the "
      + "next bit, ↑ ↓ the next value."),
  );

  const head = h("thead", {}, h("tr", {},
    ["Format", "Value", "Error", "Code", "Bits"].map((name) =>
      h("th", { scope: "col" }, name))));
  const body = h("tbody");
  table.append(head, body);
  const rows = [];
  const makeRow = () => {
    const row = { name: h("button", { type: "button" }), bits: h("td", { class: "bits" }) };
    row.cells = ["value", "error", "hex fp8-mono"].map((name) => h("td", { class: name }));
    row.element = h("tr", {}, h("th", { scope: "row" }, row.name), row.cells, row.bits);
    row.element.addEventListener("click", () => choose(row.name.textContent));
    return row;
  };

  const drawOthers = () => {
    while (rows.length < state.others.length) rows.push(makeRow());
    if (body.childElementCount !== state.others.length) {
      body.replaceChildren(...rows.slice(0, state.others.length).map((r) => r.element));
    }
    state.others.forEach((other, i) => {
      const row = rows[i];
      setText(row.name, other.format);
      row.name.setAttribute("aria-pressed", String(other.here));
      [other.value, other.error, other.hex].forEach((text, n) => {
        setText(row.cells[n], text);
      });
      row.element.classList.toggle("exact", other.error === "exact");
      row.bits.replaceChildren(fieldBits(other.parts));
    });
  };

  new ResizeObserver(() => state && strip.set(state.strip)).observe(root);

  return (next) => {
    state = next;
    format.set(state.choices, state.format);
    layout.textContent = state.layout;
    bits.set(state.fields);
    value.textContent = `= ${state.value_short}`;
    kind.textContent = state.kind_text;
    forms.value.set(state.value);
    forms.bits.set(state.bits);
    forms.hex.set(state.hex);
    forms.code.set(String(state.code));
    formula.replaceChildren(...state.formula.map((piece) =>
      h("span", { class: piece.field ? `fp8-${piece.field}` : null }, piece.text,
        piece.sup ? h("sup", {}, piece.sup) : null,
        piece.sub ? h("sub", {}, piece.sub) : null)));
    summary.textContent = state.summary;
    strip.set(state.strip);
    for (const [way, { button, text }] of Object.entries(steps)) {
      const near = state[way];
      button.disabled = !near;
      text.textContent = near ? `${near.value} (${near.hex})` : "none";
      button.setAttribute("aria-label", `${way} value: ${text.textContent}`);
    }
    ulp.textContent = state.ulp ? `ulp ${state.ulp}` : "";
    legend.hidden = !state.strip;
    asked.hidden = !(state.strip && state.strip.asked !== null);
    drawOthers();
  };
});
