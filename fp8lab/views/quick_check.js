/** Plain text with `code` between backticks, as nodes. */
function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** The options as a radio group: the browser's own keys work. */
function radioOptions(name, choose) {
  const element = h("div", { class: "options" });
  let rows = [];
  const row = (option, i) => {
    const input = h("input", { type: "radio", name, value: i, onchange: () => choose(i) });
    const marks = h("span", { class: "marks" });
    const why = h("p", { class: "why" });
    const made = h("div", { class: "option" },
      h("label", {}, input, h("span", {}, withCode(option.text)), marks), why);
    return { made, input, marks, why };
  };
  return {
    element,
    chosen() {
      const at = rows.findIndex(({ input }) => input.checked);
      return at < 0 ? null : at;
    },
    set({ options, choice, locked }) {
      if (!rows.length) {
        rows = options.map(row);
        element.replaceChildren(...rows.map(({ made }) => made));
      }
      options.forEach((option, i) => {
        const { made, input, marks, why } = rows[i];
        input.checked = i === choice;
        input.disabled = locked;
        made.className = ["option", option.right && "right", option.yours && "yours"]
          .filter(Boolean).join(" ");
        marks.replaceChildren(
          ...(option.right ? [h("b", { class: "good" }, "✓ right")] : []),
          ...(option.yours && !option.right ? [h("b", { class: "bad" }, "✗ not right")] : []),
          ...(option.yours ? [h("b", {}, "your answer")] : []));
        why.replaceChildren(...withCode(option.why));
        why.hidden = !option.why;
      });
    },
  };
}

/** A number to type, and beside it, once it is locked in, the truth. */
function numberField() {
  const input = h("input", { type: "text", inputmode: "text", autocomplete: "off",
    spellcheck: "false", "aria-label": "Your prediction" });
  const unit = h("span", { class: "unit" });
  const ask = h("label", {}, "your prediction", input, unit);
  const entry = (name) => {
    const value = h("dd", {});
    return { value, made: h("div", {}, h("dt", {}, name), value) };
  };
  const [yours, truth, ratio] = ["you predicted", "the answer", "prediction / answer"]
    .map(entry);
  const reveal = h("dl", {}, yours.made, truth.made, ratio.made);
  const why = h("p", { class: "why" });
  return {
    element: h("div", { class: "number" }, ask, reveal, why),
    input,
    set(state) {
      unit.textContent = state.unit;
      ask.hidden = state.locked;
      reveal.hidden = !state.locked;
      why.hidden = !state.why;
      yours.value.textContent = state.yours;
      truth.value.textContent = state.truth;
      ratio.value.textContent = state.ratio;
      why.replaceChildren(...withCode(state.why));
    },
  };
}

export default view("quick_check", (root, send) => {
  let state = {};
  const eyebrow = h("span", { class: "eyebrow" });
  const question = h("legend", {});
  const group = h("fieldset", {});
  const options = radioOptions(`fp8-${Math.random()}`, (choice) =>
    // A refused answer may have left `locked` behind.
    send({ choice, locked: false }));
  const number = numberField();
  const button = h("button", { type: "submit", class: "lock" }, "Lock in my answer");
  const summary = h("p", { class: "summary", role: "status", tabindex: "-1" });
  const problem = h("p", { class: "fp8-note problem", role: "alert", hidden: true });
  const form = h("form", {}, group, h("div", { class: "fp8-row" }, button, summary), problem);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (state.locked) return;
    // What is on the screen counts: the state may be a key behind.
    const given = state.kind === "number"
      ? { typed: number.input.value } : { choice: options.chosen() };
    send({ ...given, locked: true });
  });
  root.append(form);

  return (next) => {
    const justLocked = next.locked && state.locked === false;
    state = next;
    if (!question.childNodes.length) {
      question.append(eyebrow, ...withCode(state.question));
      group.append(question,
        state.kind === "number" ? number.element : options.element);
    }
    eyebrow.textContent = state.locked
      ? `Locked in${state.when ? ` on ${state.when}` : ""}` : "Predict first";
    (state.kind === "number" ? number : options).set(state);
    root.classList.toggle("is-right", state.locked && state.right);
    root.classList.toggle("is-wrong", state.locked && !state.right);
    summary.replaceChildren(...withCode(state.summary));
    problem.hidden = !state.problem;
    problem.textContent = state.problem;
    button.hidden = state.locked;
    // The button that had the keyboard is gone; the verdict is what comes next.
    if (justLocked) summary.focus();
  };
});
