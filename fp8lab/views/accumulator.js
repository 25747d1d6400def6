// What does the tensor core lose in a sum? The bits of one step under each other, as in
// an addition by hand, and below it the way along K.

const box = (x, y, width, height) => `M${x} ${y}h${width}v${height}h${-width}z`;
const press = (text, name, onclick) =>
  h("button", { type: "button", "aria-label": name, title: name, onclick }, text);

/** Where the rows and the columns of the addition lie, for a width in pixels. */
function layout(width, columns) {
  const wide = width > 600;
  const left = wide ? 206 : 78;
  const right = wide ? 96 : 4;
  const column = Math.min(24, (width - left - right) / columns);
  const row = wide ? 13 : 9;
  return { wide, left, column, row, line: wide ? 24 : 21, top: 40, gap: 12 };
}

/** The small cells of the addends: a path for each kind of bit. */
function addendCells() {
  const kinds = ["one", "nil", "held", "held-nil", "lost", "lost-nil"];
  const later = kinds.map((kind) => s("path", { class: kind }));
  const done = kinds.map((kind) => s("path", { class: kind }));
  return {
    element: [s("g", { class: "later" }, later), s("g", {}, done)],
    set(rows, term, { left, column, row, top }) {
      const drawn = { later: kinds.map(() => []), done: kinds.map(() => []) };
      rows.forEach((each, index) => {
        const y = top + index * row;
        const into = index <= term ? drawn.done : drawn.later;
        const first = index === 0 ? 2 : 0;
        [...each.kept].forEach((bit, i) => into[first + (bit === "0")].push(
          box(left + (each.at + i) * column + 0.5, y + 1, column - 1, row - 2)));
        [...each.lost].forEach((bit, i) => into[4 + (bit === "0")].push(
          box(left + (each.at + each.kept.length + i) * column + 0.5, y + 1,
            column - 1, row - 2)));
      });
      later.forEach((path, i) => path.setAttribute("d", drawn.later[i].join("")));
      done.forEach((path, i) => path.setAttribute("d", drawn.done[i].join("")));
    },
  };
}

/** One line of the addition by hand, with its digits. */
function handLine() {
  const name = s("text", { class: "name" });
  const kept = s("text", { class: "digits" });
  const lost = s("text", { class: "digits lost" });
  const strike = s("path", { class: "strike" });
  const sign = s("text", { class: "digits sign" });
  const value = s("text", { class: "value", "text-anchor": "end" });
  const element = s("g", {}, name, sign, kept, lost, strike, value);
  return {
    element,
    set(row, y, { left, column, wide, line }, width) {
      element.setAttribute("class", `line ${row.kind}`);
      const base = y + line / 2 + 4.5;
      const put = (text, from, words) => {
        setText(text, words);
        text.setAttribute("y", base);
        text.setAttribute("x",
          [...words].map((_, i) => (left + (from + i + 0.5) * column).toFixed(1)).join(" "));
      };
      setText(name, row.name);
      name.setAttribute("x", 12);
      name.setAttribute("y", base);
      put(sign, row.at - 1, row.sign === "-" ? "−" : "");
      if (row.at === 0 && row.sign === "-") sign.setAttribute("x", left - 7);
      put(kept, row.at, row.kept || (row.lost ? "" : "0"));
      const from = row.at + row.kept.length;
      put(lost, from, row.lost + (row.more ? "›" : ""));
      const struck = row.kind === "addend" && row.lost;
      strike.setAttribute("d", struck
        ? `M${left + from * column} ${y + line / 2}h${row.lost.length * column}` : "");
      setText(value, wide ? row.value : "");
      value.setAttribute("x", width);
      value.setAttribute("y", base);
    },
  };
}

/** The addition: a ruler, 33 addends, and the sum where the cursor stands. */
function additionPicture(go) {
  const window_ = s("path", { class: "window" });
  const cursor = s("path", { class: "cursor" });
  const arrow = s("path", { class: "arrow" });
  const edge = s("path", { class: "edge" });
  const keptWord = s("text", { class: "over kept", y: 13, "text-anchor": "middle" });
  const lostWord = s("text", { class: "over lost", y: 13 });
  const labels = labelRow(33, "labels");
  const names = s("g", { class: "names" });
  const cells = addendCells();
  const rule = s("path", { class: "rule" });
  const hand = [0, 1, 2, 3].map(handLine);
  const svg = s("svg", { "aria-hidden": "true" },
    window_, cursor, arrow, labels.element, keptWord, lostWord, cells.element, names, rule,
    hand.map((line) => line.element), edge);
  const element = h("div", {
    class: "addition", tabindex: "0", role: "application",
    "aria-label": "The addends as rows of bits. Down and up go through them, Page Down "
      + "and Page Up to the next step.",
  }, svg);
  let size = null;
  let drawn = "";

  const point = (event) => {
    const y = event.clientY - svg.getBoundingClientRect().top - size.top;
    go.term(Math.max(0, Math.min(go.last(), Math.floor(y / size.row))));
  };
  element.addEventListener("pointerdown", (event) => {
    element.focus({ preventScroll: true });
    // A finger that scrolls must not move the cursor.
    if (event.pointerType === "touch") return;
    element.setPointerCapture(event.pointerId);
    point(event);
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) point(event);
  });
  element.addEventListener("click", (event) => {
    if (event.pointerType !== "mouse") point(event);
  });
  element.addEventListener("keydown", (event) => {
    const move = {
      ArrowDown: () => go.by(1), ArrowRight: () => go.by(1),
      ArrowUp: () => go.by(-1), ArrowLeft: () => go.by(-1),
      Home: () => go.term(0), End: () => go.term(go.last()),
      PageDown: () => go.step(1), PageUp: () => go.step(-1),
    }[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  });

  const drawFrame = (addition, width) => {
    const { columns, window: [from, to], labels: ruler, rows, words } = addition;
    const { left, column, row, top, line, gap, wide } = size;
    const bottom = top + rows.length * row + gap + hand.length * line;
    svg.setAttribute("height", bottom + 4);
    window_.setAttribute("d",
      box(left + from * column, 18, (to - from) * column, bottom - 18));
    edge.setAttribute("d", `M${left + to * column} ${top - 2}V${bottom}`);
    keptWord.setAttribute("x", left + ((from + to) / 2) * column);
    setText(keptWord, wide && (to - from) * column > 7 * words.length ? words : "kept");
    lostWord.setAttribute("x", Math.min(left + to * column + 4, width - 44));
    setText(lostWord, "cut off");
    labels.element.setAttribute("transform", `translate(${left})`);
    labels.set(ruler, columns * column);
    names.replaceChildren(...rows.flatMap((each, i) => {
      const y = top + i * row + row / 2 + 3.5;
      const sign = each.sign === "-" ? [s("text", { x: left - 12, y }, "−")] : [];
      const more = each.more
        ? [s("text", { class: "more", x: left + columns * column + 1, y }, "›")] : [];
      if (!wide) return [...sign, ...more];
      return [
        s("text", { x: 12, y }, each.name), s("text", { class: "factors",
          x: left - 18, y, "text-anchor": "end" }, each.text),
        s("text", { class: `value ${each.fate}`, x: width, y, "text-anchor": "end" },
          each.value), ...sign, ...more];
    }));
    const y = top + rows.length * row + gap;
    rule.setAttribute("d", `M0 ${y - gap / 2}H${width}M0 ${y + 2 * line}H${width}`);
  };

  return {
    element,
    draw({ addition, term }, width) {
      size = layout(width, addition.columns);
      const { row, top, gap, line } = size;
      const { sums, ...still } = addition;
      const key = `${width} ${JSON.stringify(still)}`;
      if (key !== drawn) drawFrame(addition, width);
      drawn = key;
      cells.set(addition.rows, term, size);
      const at = Math.min(term, addition.rows.length);
      const end = term >= addition.rows.length;
      const sumsTop = top + addition.rows.length * row + gap;
      const [y, high] = end ? [sumsTop + line, line] : [top + at * row, row];
      cursor.setAttribute("d", box(0, y, width, high));
      arrow.setAttribute("d", `M1 ${y + high / 2 - 4}v8l6 -4z`);
      sums.forEach((each, i) => hand[i].set(each, sumsTop + i * line, size, width));
    },
  };
}

/** Lines against K; a press or a drag sends where, as a fraction of the axis. */
function lineChart(keys, pick) {
  const grid = s("path", { class: "grid" });
  const here = s("path", { class: "here" });
  const paths = Object.fromEntries(keys.map((key) => [key, s("path", { class: key })]));
  const picture = s("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none" },
    grid, here, Object.values(paths));
  const names = h("div", {});
  const plot = h("div", { class: "plot" }, picture, names);
  const left = h("div", { class: "y-ticks" });
  const labels = labelRow(13, "labels");
  const below = s("svg", { class: "x-ticks", height: 18 }, labels.element);
  const title = h("h4", {});
  const element = h("div", { class: "chart" }, title,
    [left, plot, below].map((part) => { part.setAttribute("aria-hidden", "true"); return part; }));
  const send = (event) => {
    const frame = plot.getBoundingClientRect();
    pick(Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width)));
  };
  plot.addEventListener("pointerdown", (event) => {
    plot.setPointerCapture(event.pointerId);
    send(event);
    event.preventDefault();
  });
  plot.addEventListener("pointermove", (event) => {
    if (plot.hasPointerCapture(event.pointerId)) send(event);
  });
  let drawn = "";
  return {
    element,
    plot,
    title,
    draw(chart, chosen, words) {
      const width = plot.clientWidth || 400;
      here.setAttribute("d", `M${chart.at} 0V1`);
      const { at, ...still } = chart;
      const key = `${width} ${chosen} ${words?.promoted} ${JSON.stringify(still)}`;
      if (key === drawn) return;
      drawn = key;
      labels.set(chart.x_ticks, width);
      grid.setAttribute("d", chart.y_ticks.map(([y]) => `M0 ${1 - y}H1`).join(""));
      left.replaceChildren(...chart.y_ticks.map(([y, text]) => {
        const tick = h("span", {}, text);
        tick.style.bottom = percent(y);
        return tick;
      }));
      for (const path of Object.values(paths)) path.setAttribute("d", "");
      for (const { key: name, points } of chart.lines) {
        const d = points.map(([x, y]) => `${x} ${(1 - y).toFixed(4)}`).join("L");
        paths[name].setAttribute("d", d && `M${d}`);
        paths[name].setAttribute("class", `${name}${name === chosen ? " chosen" : ""}`);
      }
      if (!words) return;
      // Names stand at the right ends, pushed apart where they meet: above their lines,
      // but for the promoted one, which has another line above it.
      let lowest = -1;
      names.replaceChildren(...chart.lines.filter((line) => line.points.length)
        .map(({ key: name, points }) => [name, points.at(-1)[1]])
        .map(([name, y]) => ({ name, y: name === "promoted" ? Math.max(0, y - 0.1) : y }))
        .sort((a, b) => a.y - b.y)
        .map(({ name, y }) => {
          lowest = Math.max(y, lowest + 0.085);
          const text = h("span", { class: `name ${name}` }, words[name]);
          text.style.bottom = percent(lowest);
          return text;
        }));
    },
  };
}

/** A slider with its value in words beside its name. */
function slider(name, oninput) {
  const input = h("input", { type: "range", step: 1, "aria-label": name,
    oninput: () => oninput(Number(input.value)) });
  const text = h("strong", {});
  return {
    element: h("div", { class: "slide" },
      h("span", { "aria-hidden": "true" }, name, ": ", text), input),
    set(value, [min, max], words) {
      Object.assign(input, { min, max });
      input.disabled = min === max;
      // A state that is one step old must not pull the thumb out of the hand.
      if (!input.matches(":active")) input.value = value;
      input.setAttribute("aria-valuetext", words);
      setText(text, words);
    },
  };
}

/** What each accumulator makes of the sums: the legend of the charts, with numbers. */
function endTable() {
  const head = h("tr", {});
  const body = h("tbody");
  return {
    element: h("table", { class: "ends" }, h("thead", {}, head), body),
    set({ ends, ends_title: title, chosen }) {
      const heads = [title, "this sum", "bias", "RMS error"];
      head.replaceChildren(...heads.map((text) => h("th", { scope: "col" }, text)));
      body.replaceChildren(...ends.map(({ key, cells: [name, ...numbers] }) =>
        h("tr", { class: key === chosen ? "chosen" : false },
          h("th", { scope: "row" }, h("i", { class: `swatch ${key}` }), name),
          numbers.map((text) => h("td", {}, text)))));
    },
  };
}

/** Name and number under each other. */
function facts() {
  const element = h("dl", { class: "facts" });
  let parts = [];
  return {
    element,
    set(pairs) {
      if (parts.length !== pairs.length) {
        parts = pairs.map(([name]) => h("dd", { "data-name": name }));
        element.replaceChildren(...pairs.map(([name], i) =>
          h("div", {}, h("dt", {}, name), parts[i])));
      }
      pairs.forEach(([, text], i) => setText(parts[i], text));
    },
  };
}

export default view("accumulator", (root, send) => {
  let state = null;
  let playing = 0;
  const move = (step, term) => send({ step, term });
  const go = {
    last: () => state.last_term,
    term: (term) => term !== state.term && move(state.step, term),
    step(by) {
      const step = Math.min(state.steps, Math.max(1, state.step + by));
      if (step !== state.step) move(step, state.term);
    },
    // Past the last addend comes the next step.
    by(by) {
      const { step, steps, last_term: last } = state;
      const term = state.term + by;
      if (term > last) {
        if (step < steps) move(step + 1, 0);
      } else if (term >= 0) move(step, term);
      else if (step > 1) move(step - 1, last);
    },
  };
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    setText(play, "▶ Play");
    play.setAttribute("aria-label", "Play");
    summary.setAttribute("aria-live", "polite");
  };
  const play = press("▶ Play", "Play", () => {
    if (playing) {
      stop();
      return;
    }
    if (state.term >= state.last_term) go.term(0);
    setText(play, "❚❚ Pause");
    play.setAttribute("aria-label", "Pause");
    // Nobody can listen as fast as it goes.
    summary.setAttribute("aria-live", "off");
    playing = setInterval(() => {
      if (!root.isConnected || state.term >= state.last_term) stop();
      else go.by(1);
    }, 450);
  });

  const title = h("h3", { class: "fp8-title" });
  const here = h("p", { class: "here" });
  const whole = [h("p", {}), h("p", {})];
  const summary = h("div", { class: "summary", "aria-live": "polite" }, here, whole);
  const data = selectField("data", (value) => send({ data: value }));
  const formats = ["a", "b"].map((name) =>
    selectField(name, (value) => send({ [`${name}_format`]: value })));
  const depth = selectField("K", (value) => chooseK(Number(value)));
  const again = press("another draw", "Another draw of the data",
    () => send({ seed: state.seed + 1 }));
  const bits = slider("fraction bits kept", (value) => send({ fraction_bits: value }));
  const promote = slider("promoted to float32",
    (value) => send({ promote: state.choices.promote[value] }));
  const known = h("span", { class: "known", role: "group", "aria-label": "Fraction bits of" });
  const step = slider("step", (value) => move(value, state.term));
  const term = slider("addend", (value) => go.term(value));
  const picture = additionPicture(go);
  const numbers = facts();
  const promotion = h("p", { class: "promotion", hidden: true });
  const key = (name, text) => h("span", { class: "key" }, h("i", { class: name }), text);
  const values = lineChart(["float32", "never", "promoted", "exact"], (x) =>
    move(Math.max(1, Math.ceil(x * state.values.steps)), state.term));
  const errors = lineChart(["float32", "never", "promoted"], (x) => {
    const nearest = state.errors.depths.reduce((a, b) =>
      (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
    if (nearest[1] !== state.k) chooseK(nearest[1]);
  });
  const running = [["sum", "the sum"], ["error", "its error"]].map(([value, text]) => ({
    value, button: h("button", { type: "button", onclick: () => send({ running: value }) }, text),
  }));
  values.title.append("This sum along K", h("span", { class: "choice", role: "group",
    "aria-label": "Along K" }, running.map(({ button }) => button)));
  errors.title.append("RMS error of 256 such sums, against K");
  const ends = endTable();
  const stepTable = dataTable("The step as a table");
  const curveTable = dataTable("The error against K as a table");
  const chooseK = (k) => send({ k, step: Math.min(state.step, k / 32) });

  root.append(
    title,
    h("div", { class: "fp8-row controls" }, data.element, formats.map((f) => f.element),
      depth.element, again),
    h("div", { class: "sliders" }, h("div", {}, bits.element, known), promote.element),
    summary,
    h("section", {},
      h("div", { class: "sliders" }, step.element, term.element),
      picture.element,
      h("div", { class: "fp8-row moves" },
        press("|◀", "To the accumulator", () => go.term(0)),
        press("◀", "Back one addend", () => go.by(-1)), play,
        press("▶", "On one addend", () => go.by(1)),
        press("▶|", "To the result", () => go.term(go.last())), numbers.element),
      promotion,
      h("p", { class: "fp8-note legend" }, key("one", "1"), key("nil", "0"),
        key("held", "accumulator"), key("lost", "1 cut off"), key("later", "not yet added"))),
    h("section", {},
      h("div", { class: "charts" }, values.element, errors.element), ends.element),
    stepTable.element, curveTable.element,
  );

  const drawPictures = () => {
    picture.draw(state, picture.element.clientWidth || 900);
    const { names, chosen } = state;
    values.draw(state.values, chosen);
    errors.draw(state.errors, chosen, names);
  };
  const sizes = new ResizeObserver(() => state && drawPictures());
  for (const part of [picture.element, values.plot, errors.plot]) sizes.observe(part);
  let buttons = "";

  return (next) => {
    state = next;
    const { choices } = state;
    setText(title, state.question);
    [here, ...whole].forEach((p, i) => setText(p, state.sentences[i]));
    data.set(choices.data, state.data);
    formats[0].set(choices.format, state.a_format);
    formats[1].set(choices.format, state.b_format);
    const depths = choices.k.includes(state.k) ? choices.k : [state.k, ...choices.k];
    depth.set(depths.map((k) => ({ value: String(k), text: k.toLocaleString("en") })),
      String(state.k));
    bits.set(state.fraction_bits, choices.bits, String(state.fraction_bits));
    const places = choices.promote;
    const every = state.promote === null ? "never" : `every ${state.promote.toLocaleString("en")}`;
    promote.set(places.indexOf(state.promote), [0, places.length - 1], every);
    step.set(state.step, [1, state.steps], `${state.step} of ${state.steps}`);
    term.set(state.term, [0, state.last_term], state.term_name);
    const now = `${state.fraction_bits}`;
    if (buttons !== now) {
      buttons = now;
      known.replaceChildren(...choices.known_bits.map(([count, whose]) =>
        h("button", { type: "button", "aria-pressed": String(count === state.fraction_bits),
          onclick: () => send({ fraction_bits: count }) }, `${count} ${whose}`)));
    }
    numbers.set(state.here);
    setText(promotion, state.promotion);
    promotion.hidden = !state.promotion;
    ends.set(state);
    running.forEach(({ value, button }) =>
      button.setAttribute("aria-pressed", String(value === state.running)));
    drawPictures();
    stepTable.set([["addend", "factors", "value", "kept bits", "bits cut off"],
      ...state.addition.rows.map((row) => [row.name, row.text, row.value,
        `${row.sign}${row.kept}`, row.lost])]);
    curveTable.set(state.curve);
  };
});
