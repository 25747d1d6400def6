// The browser's half of view_page.py: a model of six methods, and a hand that drags.

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
      on: (name, listener) => hear(name).add(listener),
      off: (name, listener) => hear(name).delete(listener),
      send: () => {},
      save_changes: async () => {
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

  /** Move a pointer across an element, one event a frame, and count the pictures. */
  async drag({ selector, start, end, seconds }) {
    const target = document.querySelector(selector);
    const box = target.getBoundingClientRect();
    const fire = (type, t) => {
      const at = [0, 1].map((i) => start[i] + t * (end[i] - start[i]));
      const clientX = box.left + box.width * at[0];
      const clientY = box.top + box.height * at[1];
      const buttons = type === "pointerup" ? 0 : 1;
      const options = { bubbles: true, cancelable: true, pointerId: 1, buttons };
      target.dispatchEvent(new PointerEvent(type, { ...options, clientX, clientY }));
    };
    const before = window.host.updates;
    const begin = performance.now();
    const passed = () => (performance.now() - begin) / 1000;
    let frames = 0;
    fire("pointerdown", 0);
    while (passed() < seconds) {
      fire("pointermove", passed() / seconds);
      frames += 1;
      await new Promise(requestAnimationFrame);
    }
    fire("pointerup", 1);
    const took = passed();
    return { updates: (window.host.updates - before) / took, frames: frames / took };
  },
};
