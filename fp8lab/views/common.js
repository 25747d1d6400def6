// Shared by every view: this text is put in front of the view's own, so there are no
// imports. A view draws `state`, the one dict that comes down, and sends changes of its
// inputs up.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: h("button", {class: "x", onclick: f}, "text", child, ...). */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  // append() makes text nodes of strings: no markup is ever parsed from data.
  element.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return element;
}

/** Change an element's text, and leave it alone where it says so already. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Decode base64 bytes, the form in which arrays of codes travel. */
function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

// One message may wait for Python while the one before it is computed and drawn.
const ON_THEIR_WAY = 2;

/**
 * Send changes of the inputs up, a few at most on their way: while those are worked on,
 * later changes replace each other and only the newest follow. Python merges them into
 * the inputs it has, and echoes `seq` in the state. They travel as messages and not as
 * a synced property, of which Jupyter sends one and then waits for its whole round trip.
 */
function sender(model) {
  let waiting = null;
  let answered = model.get("state").seq ?? 0;
  let sent = answered;
  const push = (changes) => {
    sent = Math.max(sent, answered) + 1;
    model.send({ changes, seq: sent });
  };
  const onState = () => {
    answered = Math.max(answered, model.get("state").seq ?? 0);
    if (waiting !== null && sent - answered < ON_THEIR_WAY) {
      const next = waiting;
      waiting = null;
      push(next);
    }
  };
  model.on("change:state", onState);
  return {
    send(changes) {
      if (sent - answered >= ON_THEIR_WAY) waiting = { ...waiting, ...changes };
      else push(changes);
    },
    close: () => model.off("change:state", onState),
  };
}

/**
 * Run a view: `build(root, send)` makes the elements once and returns `draw(state)`,
 * which is called for every new state. A state with `error` shows its sentence instead
 * of a half-drawn picture; the last good picture stays.
 */
function view(name, build) {
  return {
    render({ model, el }) {
      // Without the second attribute JupyterLab takes the arrow keys for its cells.
      const root = h("div", {
        class: `fp8 fp8-${name}`,
        "data-lm-suppress-shortcuts": "true",
      });
      // Nor may a select, a radio or a slider lose its keys to the notebook.
      root.addEventListener("keydown", (event) => {
        const ofTheHost = event.ctrlKey || event.metaKey || event.key === "Escape";
        if (!ofTheHost) event.stopPropagation();
      });
      const error = h("p", { class: "fp8-error", role: "alert", hidden: true });
      const link = sender(model);
      const draw = build(root, link.send);
      const update = () => {
        const state = model.get("state");
        error.hidden = !state.error;
        error.textContent = state.error ?? "";
        if (!state.error) draw(state);
      };
      el.append(root);
      root.append(error);
      // A class and not a container query: containment makes a view in a row of widgets
      // collapse to nothing.
      const sizes = new ResizeObserver(() => {
        root.classList.toggle("fp8-narrow", root.clientWidth < 620);
      });
      sizes.observe(root);
      model.on("change:state", update);
      update();
      return () => {
        model.off("change:state", update);
        link.close();
        sizes.disconnect();
        root.remove();
      };
    },
  };
}

/** A collapsed data table under a picture: `rows` of cells, the first row the heads. */
function dataTable(caption) {
  const table = h("table");
  const element = h(
    "details",
    { class: "fp8-data" },
    h("summary", {}, caption),
    h("div", { class: "fp8-scroll", tabindex: "0" }, table),
  );
  let latest = null;
  const render = () => {
    // Closed, it costs nothing while something is dragged.
    if (!element.open || latest === null) return;
    const [head, ...body] = latest;
    latest = null;
    table.replaceChildren(
      h("thead", {}, h("tr", {}, head.map((c) => h("th", { scope: "col" }, c)))),
      h("tbody", {}, body.map((r) => h("tr", {}, r.map((c) => h("td", {}, c))))),
    );
  };
  element.addEventListener("toggle", render);
  return {
    element,
    set(rows) {
      latest = rows;
      render();
    },
  };
}

/**
 * A text field that sends what is typed on Enter, on leaving it and after a pause, so a
 * half-typed number is not refused. `set` does not rewrite what is being typed.
 */
function textField(label, send, attributes = {}) {
  let timer = 0;
  let typing = false;
  const quiet = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };
  const input = h("input", { type: "text", ...quiet, ...attributes });
  const commit = () => {
    clearTimeout(timer);
    send(input.value);
  };
  input.addEventListener("input", () => {
    typing = true;
    clearTimeout(timer);
    timer = setTimeout(commit, 400);
  });
  input.addEventListener("change", () => {
    typing = false;
    commit();
  });
  return {
    element: h("label", {}, label, input),
    input,
    set(text) {
      if (!typing && input.value !== text) input.value = text;
    },
  };
}

/** A drop-down list: `set(names, chosen)` or `set([{ value, text }], chosen)`. */
function selectField(label, send, attributes = {}) {
  const select = h("select", { ...attributes, onchange: () => send(select.value) });
  let shown = "";
  return {
    element: h("label", {}, label, select),
    set(options, chosen) {
      const key = JSON.stringify(options);
      if (key !== shown) {
        const pair = (o) => (typeof o === "string" ? { value: o, text: o } : o);
        const items = options.map(pair);
        select.replaceChildren(...items.map((o) => h("option", { value: o.value }, o.text)));
        shown = key;
      }
      select.value = chosen;
    },
  };
}

/** The bits of a code, coloured by field: [["sign", "0"], ["exponent", "1111"], ...]. */
function fieldBits(parts) {
  return h("span", { class: "fp8-bits fp8-mono" },
    parts.map(([field, digits]) => h("span", { class: `fp8-${field}` }, digits)));
}

/** A fraction of the width, as SVG wants it. */
function percent(fraction) {
  return `${(100 * fraction).toFixed(3)}%`;
}

/**
 * Text along an axis: `set([[position, text], ...], width)`, the most important first.
 * What would lie on top of text that is already there is left out.
 */
function labelRow(y, name) {
  const group = s("g", { class: name });
  let shown = "";
  return {
    element: group,
    set(labels, width) {
      const key = `${width} ${JSON.stringify(labels)}`;
      if (key === shown) return;
      shown = key;
      const taken = [];
      const fits = ([at, text]) => {
        const half = 3.8 * text.length + 4;
        const middle = Math.min(Math.max(at * width, half), width - half);
        if (taken.some(([a, b]) => middle - half < b && a < middle + half)) return null;
        taken.push([middle - half, middle + half]);
        return s("text", { x: middle, y, "text-anchor": "middle" }, text);
      };
      group.replaceChildren(...labels.map(fits).filter(Boolean));
    },
  };
}
