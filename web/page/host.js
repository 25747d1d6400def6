// The page as a host of views: the model that anywidget promises to a view, for one view
// after the other. Inputs go to Python; the one state that comes back is drawn.

const SHOWN_AS_WAITING_AFTER = 200; // milliseconds

/**
 * Show a view. `send({ view, inputs, seq, leads })` asks Python; `changed(name, leads)`
 * is told of each new state, and whether other views of the same number have to follow.
 */
export async function showView(name, { inputs, state }, { send, changed }) {
  const [{ default: view }, style] = await Promise.all([
    import(new URL(`views/${name}.mjs`, import.meta.url)),
    styleSheet(new URL(`views/${name}.css`, import.meta.url)),
  ]);
  document.adoptedStyleSheets.push(style);
  const el = document.querySelector(`[data-view="${name}"]`);
  const listeners = new Set();
  const held = { inputs, state: { ...state, seq: 0 } };
  let seq = 0;
  let timer = 0;
  let drawn = JSON.stringify(inputs);

  const ask = (leads, dim) => {
    send({ view: name, inputs: held.inputs, seq, leads });
    clearTimeout(timer);
    if (!dim && JSON.stringify(held.inputs) === drawn) return;
    timer = setTimeout(() => el.setAttribute("aria-busy", "true"), SHOWN_AS_WAITING_AFTER);
  };
  const model = {
    get: (key) => held[key],
    set: () => {},
    save_changes: () => {},
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    send(message) {
      held.inputs = { ...held.inputs, ...message.changes };
      seq = message.seq;
      ask(true);
    },
  };
  const draw = (next) => {
    held.state = next;
    for (const listener of [...listeners]) listener();
  };
  await view.render({ model, el });
  return {
    inputs: () => held.inputs,
    state: () => held.state,
    /** Take other inputs, and ask for their picture in a moment. */
    set(changes) {
      held.inputs = { ...held.inputs, ...changes };
    },
    /** Ask for the picture of these changes; `dim` where the tensor is another one. */
    update(changes, { dim = false, leads = false } = {}) {
      held.inputs = { ...held.inputs, ...changes };
      ask(leads, dim);
    },
    /** Python's answer: a state as text, or a sentence. */
    receive({ seq: number, state: text, error, leads }) {
      clearTimeout(timer);
      el.removeAttribute("aria-busy");
      drawn = JSON.stringify(held.inputs);
      const next = error === undefined ? JSON.parse(text) : { ...held.state, error };
      draw({ ...next, seq: number });
      changed(name, leads);
    },
  };
}

async function styleSheet(address) {
  const response = await fetch(address, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${address.pathname} is missing (${response.status}).`);
  const sheet = new CSSStyleSheet();
  await sheet.replace(await response.text());
  return sheet;
}
