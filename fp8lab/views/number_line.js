// Where does a real number go? A handle that falls into the rounding bin below it.

// Zero-length strokes with round ends are dots, whatever the width of the picture.
const dots = (positions) => positions.map((at) => `M${at} .5h0`).join("");
const lines = (positions, from, to) =>
  positions.map((at) => `M${at} ${from}V${to}`).join("");
const boxes = (spans, from = 0) =>
  spans.map(([a, b]) => `M${a} ${from}H${b}V1H${a}Z`).join("");

/** A part of the picture that is as wide as the axis: x from 0 to 1, y from 0 to 1. */
function stretched(y, height, ...children) {
  const box = { x: 0, y, width: "100%", height, viewBox: "0 0 1 1" };
  return s("svg", { ...box, preserveAspectRatio: "none" }, ...children);
}

/** The values of one format: dense bands, ticks, subnormals, and where they end. */
function strip(y, height) {
  const path = (name) => s("path", { class: name });
  const parts = {
    shaded: path("shaded"), outside: path("outside"), bands: path("bands"),
    subnormal: path("subnormal"), ticks: path("ticks"), powers: path("powers"),
    ties: path("ties"),
  };
  const drawn = ["shaded", "outside", "bands", "subnormal", "ticks", "powers", "ties"];
  let shown = "";
  return {
    element: stretched(y, height, Object.values(parts)),
    set(lane) {
      // While x is dragged the values stand still: nothing to paint anew.
      const key = JSON.stringify(drawn.map((name) => lane[name]));
      if (key === shown) return;
      shown = key;
      for (const name of ["shaded", "outside", "bands"]) {
        parts[name].setAttribute("d", boxes(lane[name] ?? []));
      }
      parts.subnormal.setAttribute("d", boxes(lane.subnormal, 0.86));
      parts.ticks.setAttribute("d", lines(lane.ticks, 0.2, 0.8));
      parts.powers.setAttribute("d", lines(lane.powers, 0, 1));
      parts.ties.setAttribute("d", dots(lane.ties ?? []));
    },
  };
}

/** A pill with text that stays inside the picture while its point moves. */
function pill(y, name) {
  const box = s("rect", { class: `${name} box`, y, height: 20, rx: 10 });
  const text = s("text", { class: `${name} text`, y: y + 14.5, "text-anchor": "middle" });
  return {
    element: s("g", {}, box, text),
    set(words, at, width) {
      const half = 3.9 * words.length + 10;
      const middle = Math.min(Math.max(at * width, half), width - half);
      text.textContent = words;
      text.setAttribute("x", middle);
      box.setAttribute("x", middle - half);
      box.setAttribute("width", 2 * half);
    },
  };
}

const TOP = 28;
const HEIGHT = 62;

/** The large picture: handle, bins, values, and the number that x becomes. */
function mainLane() {
  const values = strip(TOP, HEIGHT);
  const labels = labelRow(TOP + HEIGHT + 15, "labels");
  const x = pill(2, "x");
  const overflow = [0, 1].map(() => s("text", { class: "overflow", y: TOP + 15 }));
  const stem = s("line", { class: "stem", y1: 22, y2: TOP + HEIGHT / 2 });
  const knob = s("circle", { class: "knob", cy: TOP + HEIGHT / 2, r: 6 });
  const ends = [0, 1].map((i) => ({
    arrow: s("line", { class: "arrow", y1: TOP + HEIGHT / 2, y2: TOP + HEIGHT / 2 }),
    target: s("line", { class: "target", y1: TOP, y2: TOP + HEIGHT + 24 }),
    pill: pill(TOP + HEIGHT + 22 + 24 * i, "landed"),
  }));
  const svg = s("svg", { class: "line", "aria-hidden": "true" },
    values.element, overflow, labels.element,
    ends.map((end) => [end.target, end.arrow, end.pill.element]).flat(),
    stem, knob, x.element);
  return {
    svg,
    draw(state, width) {
      const { main, at } = state;
      values.set(main);
      labels.set(main.labels, width);
      x.set(`x = ${state.x}`, at, width);
      for (const [part, key] of [[stem, "x1"], [stem, "x2"], [knob, "cx"]]) {
        part.setAttribute(key, percent(at));
      }
      // Two codes need two pills; the mode decides, so that dragging moves no edges.
      const rows = state.rounding === "stochastic" ? 2 : 1;
      svg.setAttribute("height", TOP + HEIGHT + 22 + 24 * rows);
      overflow.forEach((text, i) => {
        const [from, to] = main.outside[i] ?? [0, 0];
        const words = state.overflow[i] ?? "";
        setText(text, (to - from) * width > 7.5 * words.length + 8 ? words : "");
        text.setAttribute("x", from * width + 4);
      });
      ends.forEach((end, i) => {
        const outcome = main.outcomes[i];
        // A NaN or an infinity lies nowhere: its pill stays under x.
        const to = outcome?.at ?? at;
        for (const part of [end.arrow, end.target, end.pill.element]) {
          part.style.display = outcome ? "" : "none";
        }
        if (!outcome) return;
        if (outcome.at === null) end.target.style.display = "none";
        for (const [key, place] of [["x1", at], ["x2", to]]) {
          end.arrow.setAttribute(key, percent(place));
          end.target.setAttribute(key, percent(to));
        }
        const share = outcome.share ? ` · ${outcome.share}` : "";
        end.pill.set(`${outcome.value} · ${outcome.code}${share}`, to, width);
      });
    },
  };
}

/** One more format on the same axis. */
function sideLane() {
  const values = strip(0, 24);
  const stem = s("line", { class: "stem", y1: 0, y2: 24 });
  const knobs = [0, 1].map(() => s("circle", { class: "landing", cy: 12, r: 5 }));
  const name = h("strong");
  const becomes = h("span", { class: "fp8-mono" });
  const error = h("span", { class: "error" });
  const svg = s("svg", { class: "line side", height: 24, "aria-hidden": "true" },
    values.element, stem, knobs);
  return {
    element: h("div", { class: "lane" }, h("div", { class: "words" }, name, becomes, error),
      svg),
    draw(lane, at) {
      values.set(lane);
      setText(name, lane.format);
      setText(becomes, lane.outcomes
        .map((o) => `${o.value} ${o.code}${o.share ? ` (${o.share})` : ""}`).join(" or "));
      setText(error, lane.error === "–" ? "" : `error ${lane.error}`);
      stem.setAttribute("x1", percent(at));
      stem.setAttribute("x2", percent(at));
      knobs.forEach((knob, i) => {
        const to = lane.outcomes[i]?.at ?? null;
        knob.style.display = to === null ? "none" : "";
        if (to !== null) knob.setAttribute("cx", percent(to));
      });
    },
  };
}

export default view("number_line", (root, send) => {
  let state = null;
  const stay = () => ({ window: state.window, at: null });
  const jump = (x) => send({ x, at: null, window: state.view === "whole" ? "whole" : "near" });
  const press = (text, on, attributes = {}) =>
    h("button", { type: "button", onclick: on, ...attributes }, text);

  const x = textField("x", jump, { size: "12" });
  const presets = h("span", { class: "group", role: "group", "aria-label": "Try" });
  const format = selectField("Format", (value) => send({ ...stay(), x: state.x, format: value }));
  const rounding = selectField("Rounding", (value) =>
    send({ ...stay(), x: state.x, rounding: value }));
  const policy = selectField("Overflow as in", (value) =>
    send({ ...stay(), x: state.x, policy: value }));
  const scales = ["linear", "log"].map((scale) =>
    press(scale, () => send({ x: state.x, at: null, scale,
      window: state.view === "whole" ? "whole" : "near" })));
  const zooms = [["out", "−", "Zoom out"], ["in", "+", "Zoom in"]].map(([way, sign, name]) => ({
    way,
    button: press(sign, () => send({ x: state.x, at: null, window: state.zoom[way] }),
      { "aria-label": name, title: name }),
  }));
  const views = [["near", "around x"], ["whole", "whole format"]].map(([name, text]) => ({
    name,
    button: press(text, () => send({ x: state.x, at: null, window: name })),
  }));
  const main = mainLane();
  const slider = h("div", { class: "slider", role: "slider", tabindex: "0",
    "aria-label": "x" }, main.svg);
  const lanes = h("div", { class: "lanes" });
  const axis = labelRow(12, "axis");
  const axisLine = s("svg", { class: "line axis", height: 18, "aria-hidden": "true" },
    axis.element);
  const beside = h("span", { class: "group", role: "group", "aria-label": "Also show" });
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const facts = h("div", { class: "facts" });
  const readings = [];
  const reading = () => {
    const name = h("span", { class: "name" });
    const value = h("span");
    facts.append(h("div", {}, name, value));
    return {
      set([what, how]) {
        setText(name, what);
        setText(value, how);
      },
    };
  };
  const table = dataTable("The same as a table");
  const keys = [
    ["shaded", "bin of an even code"], ["shaded", "bin of an odd code"], ["ties", "tie"],
    ["subnormal", "subnormals"], ["bands", "too dense to draw"], ["outside", "overflow"],
  ].map(([part, text], i) => ({
    part,
    element: h("span", { class: "key" },
      h("i", { class: i === 1 ? "odd" : part }), text),
  }));
  const legend = h("p", { class: "fp8-note legend" }, keys.map((key) => key.element));

  root.append(
    h("h3", { class: "fp8-title" }, "Where does a real number go?"),
    h("div", { class: "inputs" },
      x.element, format.element, rounding.element, policy.element),
    h("div", { class: "fp8-row" }, presets),
    h("div", { class: "fp8-row tools" },
      h("span", { class: "group", role: "group", "aria-label": "Scale" }, scales),
      h("span", { class: "group", role: "group", "aria-label": "Window" },
        zooms.map((zoom) => zoom.button), views.map((each) => each.button))),
    summary, slider, lanes, axisLine, legend,
    h("p", { class: "fp8-note" }, "Drag x, or use ← and →; with Shift to the next value; "
      + "Page Up and Page Down to the next tie."),
    facts,
    h("div", { class: "fp8-row also" }, h("span", {}, "Also show"), beside),
    table.element,
  );

  const drag = (event) => {
    const box = slider.getBoundingClientRect();
    send({ ...stay(), x: state.x, at: (event.clientX - box.left) / box.width });
  };
  slider.addEventListener("pointerdown", (event) => {
    slider.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    drag(event);
    event.preventDefault();
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) drag(event);
  });
  slider.addEventListener("keydown", (event) => {
    const far = event.shiftKey;
    const target = {
      ArrowLeft: far ? "previous" : "left", ArrowDown: far ? "previous" : "left",
      ArrowRight: far ? "next" : "right", ArrowUp: far ? "next" : "right",
      PageDown: "tie_before", PageUp: "tie_after",
    }[event.key];
    if (!target) return;
    event.preventDefault();
    send({ ...stay(), x: state.moves[target] });
  });

  const pressed = (button, on) => button.setAttribute("aria-pressed", String(on));
  const pool = [];
  let kept = "";
  const drawButtons = () => {
    const now = JSON.stringify([state.presets, state.choices.beside]);
    if (now !== kept) {
      kept = now;
      presets.replaceChildren(h("span", { class: "word" }, "Try"),
        ...state.presets.map((text) => press(text, () => jump(text))));
      beside.replaceChildren(...state.choices.beside.map(({ name, chosen }) => {
        const others = state.choices.beside.filter((o) => o.chosen && o.name !== name);
        const next = [...others.map((o) => o.name), ...(chosen ? [] : [name])];
        return press(name, () => send({ ...stay(), x: state.x, beside: next }),
          { "aria-pressed": String(chosen) });
      }));
    }
    scales.forEach((button) => pressed(button, button.textContent === state.scale));
    views.forEach(({ name, button }) => pressed(button, state.view === name));
    zooms.forEach(({ way, button }) => { button.disabled = state.zoom[way] === null; });
  };

  const draw = () => {
    const width = slider.clientWidth || 900;
    main.draw(state, width);
    while (pool.length < state.lanes.length) pool.push(sideLane());
    if (lanes.childElementCount !== state.lanes.length) {
      lanes.replaceChildren(...pool.slice(0, state.lanes.length).map((l) => l.element));
    }
    const all = [state.main, ...state.lanes];
    keys.forEach(({ part, element }) => {
      element.hidden = !all.some((lane) => lane[part]?.length);
    });
    state.lanes.forEach((lane, i) => pool[i].draw(lane, state.at));
    axisLine.style.display = state.lanes.length ? "" : "none";
    axis.set(state.axis, width);
  };
  new ResizeObserver(() => state && draw()).observe(slider);

  return (next) => {
    state = next;
    x.set(state.x);
    format.set(state.choices.format, state.format);
    rounding.set(state.choices.rounding, state.rounding);
    policy.set(state.choices.policy, state.policy);
    drawButtons();
    draw();
    setText(summary, state.summary);
    slider.setAttribute("aria-valuetext", state.summary);
    slider.setAttribute("aria-valuenow", state.at);
    slider.setAttribute("aria-valuemin", 0);
    slider.setAttribute("aria-valuemax", 1);
    while (readings.length < state.facts.length) readings.push(reading());
    state.facts.forEach((fact, i) => readings[i].set(fact));
    table.set([["format", "x becomes", "code", "probability", "relative error"],
      ...[state.main, ...state.lanes].flatMap((lane) => lane.outcomes.map((o) =>
        [lane.format, o.value, o.code, o.share || "100 %", lane.error]))]);
  };
});
