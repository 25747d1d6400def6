// The browser's half of view_page.py: a model of six methods.

window.host = {
  /** Show a view's text on the page, as anywidget does: from a Blob URL. */
  async show({ module, style, inputs, state }) {
    const held = { inputs, state };
    const listeners = {};
    const hear = (name) => (listeners[name] ??= new Set());
    const change = (key, value) => {
      held[key] = value;
      for (const listener of [...hear(`change:${key}`)]) listener();
    };
    const model = {
      get: (key) => held[key],
      set: change,
      save_changes: () => {},
      on: (name, listener) => hear(name).add(listener),
      off: (name, listener) => hear(name).delete(listener),
      send: async ({ changes, seq }) => {
        held.inputs = { ...held.inputs, ...changes, seq };
        const text = await window.computeState(JSON.stringify(held.inputs));
        change("state", JSON.parse(text));
        window.host.updates += 1;
      },
    };
    const sheet = document.createElement("style");
    sheet.textContent = style;
    document.head.append(sheet);
    const blob = new Blob([module], { type: "text/javascript" });
    const { default: view } = await import(URL.createObjectURL(blob));
    Object.assign(window.host, { model, updates: 0 });
    window.host.close = await view.render({ model, el: document.querySelector("main") });
  },
};
