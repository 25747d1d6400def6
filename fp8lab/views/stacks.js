// Which stack gives which byte? A row a policy, a column a format; equal bytes of a
// column share a letter and a ground.

const LETTERS = "ABCDEF";

export default view("stacks", (root, send) => {
  const input = textField("Input", (text) => send({ text }), { size: "14" });
  const note = h("span", { class: "fp8-note" });
  const presets = h("div", { class: "presets", role: "group", "aria-label": "Presets" });
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const table = h("table", { class: "bytes", role: "table" });
  const choices = h("div", { class: "fp8-row choices" });
  let chosen = [];

  root.append(
    h("h3", { class: "fp8-title" }, "Which stack gives which byte?"),
    h("div", { class: "fp8-row" }, input.element, note),
    presets,
    summary,
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Bytes" }, table),
    h("details", { class: "fp8-data" }, h("summary", {}, "Choose the formats"), choices),
  );

  const toggle = (name) => {
    const next = chosen.includes(name)
      ? chosen.filter((other) => other !== name)
      : [...chosen, name];
    send({ formats: next });
  };

  const head = (column) =>
    h("th", { scope: "col", role: "columnheader" },
      h("span", { class: "format" }, column.format),
      h("span", { class: "limit" }, column.limit),
      h("span", { class: `fp8-chip ${column.agree ? "agree" : "differ"}` }, column.verdict),
      h("span", { class: "cause" }, column.cause));

  const cell = (given, column) =>
    h("td", { class: `group-${given.group}`, role: "cell" },
      h("div", { class: "byte" },
        column.agree
          ? null
          : h("span", { class: "letter", "aria-label": `byte ${LETTERS[given.group]}` },
              LETTERS[given.group]),
        h("span", { class: "fp8-mono hex" }, given.hex),
        h("span", { class: "value" }, given.value)),
      fieldBits(given.parts),
      given.live ? live(given.live) : null);

  const live = (result) =>
    h("div", { class: `live ${result.same ? "same" : "other"}` },
      `${result.same ? "✓" : "≠"} ${result.library}: ${result.hex}`);

  const row = (entry, columns) =>
    h("tr", { role: "row" },
      h("th", { scope: "row", role: "rowheader" },
        h("code", {}, entry.policy),
        h("span", { class: "stands-for" }, entry.stands_for),
        h("span", { class: "rule" }, entry.rule)),
      entry.cells.map((given, i) => cell(given, columns[i])));

  const button = (text, on, press) =>
    h("button", { type: "button", "aria-pressed": String(on), onclick: press }, text);

  return (state) => {
    chosen = state.choices.filter((choice) => choice.chosen).map((choice) => choice.name);
    input.set(state.text);
    note.textContent = state.note;
    summary.textContent = state.summary;
    const focus = root.querySelector(":focus")?.dataset.key;
    presets.replaceChildren(...state.presets.map((set) =>
      h("div", { class: "fp8-row" }, h("span", { class: "label" }, set.label),
        set.texts.map((text) => keyed(text,
          button(text, text === state.text, () => send({ text })))))));
    choices.replaceChildren(...state.choices.map((choice) => keyed(choice.name,
      button(choice.name, choice.chosen, () => toggle(choice.name)))));
    table.style.setProperty("--columns", state.columns.length);
    table.replaceChildren(
      h("thead", {}, h("tr", { role: "row" },
        h("th", { scope: "col", role: "columnheader" }, "Policy"),
        state.columns.map(head))),
      h("tbody", {}, state.rows.map((entry) => row(entry, state.columns))));
    // The buttons are new: the one that was pressed keeps the keyboard.
    if (focus) root.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  };
});

function keyed(key, element) {
  element.dataset.key = key;
  return element;
}
