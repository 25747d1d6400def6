// The page's side of the worker: starts it, passes messages, starts it again.

import { fetched } from "./files.js";

const BASE = new URL(".", import.meta.url).href;
// One after the other imports the next: named together they come side by side.
const MODULES = ["files.js", "load.js", "worker.js"];

/**
 * Run the worker. `on` has the handlers site, progress, ready, failed and state.
 * The answer has `send({ view, inputs, seq, leads })`; `ask(method, argument, files)`,
 * which promises an answer; and `restart()`.
 */
export function startPython(on) {
  let worker = null;
  let nextId = 0;
  let pending = new Map();

  function start() {
    // From a Blob, a worker keeps the page's Content-Security-Policy: it may talk to
    // the server it came from and to nobody else.
    const text = MODULES.map((name) => `import ${JSON.stringify(BASE + name)};`).join("");
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = (event) => failed(event.message || "worker.js could not be loaded.");
    describe(worker);
  }

  /** What the files are may have changed since the last visit: ask, and pass it on. */
  async function describe(mine) {
    try {
      const site = await (await fetched(`${BASE}site.json`, { cache: "no-cache" })).json();
      on.site(site);
      mine.postMessage({ kind: "start", base: BASE, site });
    } catch (error) {
      if (mine === worker) failed(error.message);
    }
  }

  function receive(message) {
    if (message.kind === "progress") on.progress(message);
    else if (message.kind === "ready") on.ready(message);
    else if (message.kind === "failed") failed(message.message);
    else if (message.kind === "state") on.state(message);
    else {
      const { resolve, reject } = pending.get(message.id) ?? {};
      pending.delete(message.id);
      if (message.error === undefined) resolve?.(message.value);
      else reject?.(new Error(message.error));
    }
  }

  function failed(text) {
    worker.terminate();
    const lost = Object.assign(new Error(text), { lost: true });
    for (const { reject } of pending.values()) reject(lost);
    pending = new Map();
    on.failed(text);
  }

  start();
  return {
    send: (wish) => worker.postMessage({ kind: "inputs", ...wish }),
    ask: (method, argument, files) => new Promise((resolve, reject) => {
      const id = nextId++;
      pending.set(id, { resolve, reject });
      worker.postMessage({ kind: "ask", id, method, argument, files });
    }),
    restart() {
      worker.terminate();
      start();
    },
  };
}
