// The worker: loads Python, then answers the page's messages.
//
//   page to worker                        worker to page
//   {kind: "start", base, site}           {kind: "progress", stage, loaded, total}
//                                         {kind: "ready", seconds, versions}
//                                         {kind: "failed", message}
//   {kind: "inputs", view, inputs, ...}   {kind: "state", view, state, ...}   (JSON text)
//   {kind: "ask", id, method, argument}   {kind: "answer", id, value} or {..., error}

import { loadPython } from "./load.js";

let session = null;
let python = null;
let folders = 0;
// The newest inputs of each view: older ones are dropped, not queued.
const wanted = new Map();
const asked = [];
let scheduled = false;

const post = (message, transfer = []) => self.postMessage(message, transfer);

async function start({ base, site }) {
  const began = performance.now();
  const loaded = await loadPython(base, site, (news) => post({ kind: "progress", ...news }));
  python = loaded.python;
  session = python.pyimport("fp8lab.page.session").Session();
  const seconds = (performance.now() - began) / 1000;
  post({ kind: "ready", seconds, versions: loaded.versions });
  schedule();
}

/** Take in all messages that wait, then compute the newest. */
function schedule() {
  if (scheduled || session === null) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    const request = asked.shift();
    if (request) answerRequest(request);
    else computeNext();
    if (asked.length || wanted.size) schedule();
  });
}

function computeNext() {
  const [next] = wanted;
  if (!next) return;
  const [view, { inputs, seq, leads }] = next;
  wanted.delete(view);
  guarded(() => {
    const state = session.answer(view, JSON.stringify(inputs));
    post({ kind: "state", view, seq, leads, state });
  }, (error) => post({ kind: "state", view, seq, leads, error }));
}

function answerRequest({ id, method, argument, files }) {
  guarded(() => {
    if (files) argument = mounted(argument, files);
    const text = JSON.stringify(argument);
    if (method === "archive") {
      const pair = session.archive(text);
      const [name, bytes] = pair.toJs();
      pair.destroy();
      post({ kind: "answer", id, value: { name, bytes } }, [bytes.buffer]);
    } else {
      post({ kind: "answer", id, value: JSON.parse(session.take(text)) });
    }
  }, (error) => post({ kind: "answer", id, error }));
}

/** Put the visitor's file where Python can open it; nothing is read until it is asked. */
function mounted(wish, files) {
  folders += 1;
  const folder = `/visitor/${folders}`;
  python.FS.mkdirTree(folder);
  python.FS.mount(python.FS.filesystems.WORKERFS, { files }, folder);
  return { ...wish, file: `${folder}/${files[0].name}` };
}

/** A refusal is a sentence; anything else means that this Python is lost. */
function guarded(work, refuse) {
  try {
    work();
  } catch (error) {
    const [, sentence] = /\n(?:ValueError|TypeError|OSError): (.*)\n?$/.exec(error.message) ?? [];
    if (sentence) refuse(sentence);
    else if (/\nMemoryError/.test(error.message)) {
      refuse("There is not enough memory for this; choose a smaller tensor.");
    } else fail(error);
  }
}

function fail(error) {
  session = null;
  const last = String(error.message ?? error).trim().split("\n").at(-1);
  post({ kind: "failed", message: last });
}

self.onmessage = ({ data }) => {
  if (data.kind === "start") start(data).catch(fail);
  else if (data.kind === "inputs") {
    const dropped = wanted.get(data.view);
    wanted.set(data.view, { ...data, leads: data.leads || dropped?.leads });
  }
  else asked.push(data);
  schedule();
};
