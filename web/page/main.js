// The page: which tool is shown, what its views were told, and the address that says so.

import { onDownload, onShare, onSkip } from "./actions.js";
import { readAddress, writeAddress } from "./address.js";
import { showView } from "./host.js";
import { startPython } from "./python.js";
import { fitsALink, showSource } from "./source.js";
import { showStatus } from "./status.js";
import { chooseTheme } from "./theme.js";

const TOOLS = {
  bits: ["bit_field", "number_line", "stacks"],
  quantize: ["quantizer"],
  outlier: ["scale_map"],
  accumulator: ["accumulator"],
};
// On the bits page three views show one number: where it comes from in the state of
// each, and how the others are told.
const NUMBER = {
  bit_field: { of: (state) => state.reference,
    to: (number) => ({ text: number, kind: "value", code: null }) },
  stacks: { of: (state) => state.text, to: (number) => ({ text: number }) },
  number_line: { of: (state) => state.x, to: (number) => ({ x: number, at: null }) },
};
const WITH_TENSOR = ["quantizer", "scale_map"];
const ADDRESS_WAIT = 250; // milliseconds: browsers limit how often it may change

const $ = (id) => document.getElementById(id);
const status = showStatus();
const shown = {};
const rendering = {};
let first = null;
let tool = "bits";
let source = {};
let taken = null;
let known = location.hash; // browsers tell of another one a frame later

const python = startPython({
  site: hideAbsentLessons,
  progress: status.progress,
  ready: status.ready,
  failed: status.failed,
  state: (message) => shown[message.view].receive(message),
});
status.onAgain(again);
chooseTheme($("theme"));

const sources = showSource(document.querySelectorAll("[data-source]"), {
  async take(wish, files) {
    const about = await take(wish, files);
    drawAgain(WITH_TENSOR);
    return about;
  },
  notice,
});

/** A site without the lessons (`--cdn`) has no link to them. */
function hideAbsentLessons({ cdn }) {
  for (const link of document.querySelectorAll("[data-lessons]")) link.hidden = cdn;
}

async function showFirst() {
  const response = await fetch(new URL("first.json", import.meta.url), { cache: "no-cache" });
  if (!response.ok) throw new Error(`first.json is missing (${response.status}).`);
  first = await response.json();
  first.inputs = Object.fromEntries(
    Object.entries(first.views).map(([view, { inputs }]) => [view, inputs]));
  source = first.source;
  sources.set(first.about, first.samples, source);
  const linked = readAddress(location.hash, TOOLS, first.inputs);
  showTool(linked.tool);
  await showViews(linked.inputs);
  performance.mark("first pictures");
  document.body.dataset.shown = "first";
  // Python is not there yet: what it is asked now, it answers first.
  await ask(wishOf(linked));
}

/** A link without a tensor means the first one; a tool's name alone, the one shown. */
function wishOf({ source: wish }) {
  if (Object.keys(wish).length) return wish;
  return taken && !location.hash.includes("?") ? source : first.source;
}

/** Draw the first pictures of the tool, once; `inputs` are those of a link. */
async function showViews(inputs) {
  await Promise.all(TOOLS[tool].map((view) => {
    rendering[view] ??= showView(view, first.views[view], { send: python.send, changed })
      .then((made) => {
        shown[view] = made;
        // At once: what a quick visitor then does comes after the link's wish.
        made.set(inputs[view]);
      });
    return rendering[view];
  }));
}

/** Show what a link says. */
async function follow(linked) {
  await showViews(linked.inputs);
  if (tool !== linked.tool) return; // another was chosen meanwhile
  for (const view of TOOLS[tool]) shown[view].set(linked.inputs[view]);
  await ask(wishOf(linked));
}

/** Ask for the pictures of the tool, of the tensor that is wished. */
async function ask(wish) {
  if (tool === "bits") {
    shown.bit_field.update({}, { leads: true });
    return;
  }
  const isThere = taken && JSON.stringify(wish) === JSON.stringify(source);
  if (showsTensor() && !isThere) await takeOrFirst(wish);
  drawAgain(TOOLS[tool]);
}

async function takeOrFirst(wish) {
  try {
    await take(wish);
  } catch (error) {
    if (error.lost) throw error;
    notice(error.message);
    await take(first.source);
  }
}

/** Ask Python for another tensor; what it refuses leaves the one before. */
async function take(wish, files) {
  if ("file" in wish && !files) {
    throw new Error(`This link shows a file of its sender's, ${wish.file}: open or drop it `
      + "here to see the same picture. Until then you see a sample.");
  }
  const about = await python.ask("take", wish, files);
  source = files ? { file: files[0].name } : wish;
  taken = { wish, files };
  sources.set(about, first.samples, source);
  return about;
}

function showsTensor() {
  return WITH_TENSOR.some((view) => TOOLS[tool].includes(view));
}

function drawAgain(views) {
  for (const view of views) {
    if (TOOLS[tool].includes(view)) shown[view]?.update({}, { dim: true });
  }
}

/** A new Python knows nothing of the visitor's tensor. */
async function again() {
  python.restart();
  notice("");
  if (!taken) {
    ask(wishOf(readAddress(location.hash, TOOLS, first.inputs))).catch(say);
    return;
  }
  const { wish, files } = taken;
  await take(wish, files).catch(() => take(first.source));
  drawAgain(TOOLS[tool]);
}

/** A view has a new state; where it leads, those of the same number follow. */
function changed(view, leads) {
  if (leads && view in NUMBER) {
    const number = NUMBER[view].of(shown[view].state());
    for (const other of TOOLS.bits) {
      if (other !== view && !shown[view].state().error) {
        shown[other].update(NUMBER[other].to(number));
      }
    }
  }
  if (view === TOOLS[tool][0] && document.body.dataset.shown !== "computed") {
    performance.mark("first computation");
    document.body.dataset.shown = "computed";
  }
  keepAddress();
}

let timer = 0;
function keepAddress() {
  clearTimeout(timer);
  timer = setTimeout(writeDown, ADDRESS_WAIT);
}

/** Say in the address what is shown, but not over a link whose news is on its way. */
function writeDown() {
  if (location.hash === known) {
    history.replaceState(null, "", address());
    known = location.hash;
  }
  return location.href;
}

function address() {
  const views = TOOLS[tool];
  // Another tool was chosen a moment ago, and is not drawn yet.
  if (!views.every((view) => shown[view])) return location.hash;
  const held = Object.fromEntries(views.map((view) => [view, { ...shown[view].inputs() }]));
  if (tool === "bits") {
    // One number, said once.
    held.stacks.text = first.inputs.stacks.text;
    Object.assign(held.number_line, { x: first.inputs.number_line.x, at: null });
  }
  const same = JSON.stringify(source) === JSON.stringify(first.source);
  const left = !showsTensor() || same || !fitsALink(source);
  const tensor = left ? {} : source;
  return writeAddress(tool, views, held, first.inputs, tensor);
}

function showTool(name) {
  tool = name;
  for (const section of document.querySelectorAll("[data-tool]")) {
    section.hidden = section.dataset.tool !== name;
  }
  for (const link of document.querySelectorAll("[data-to]")) {
    if (link.dataset.to === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = document.querySelector(`[data-tool="${name}"] h1`).textContent;
  document.title = `${title} fp8lab`;
  notice("");
}

/** A link of the page, or an address that was typed. */
window.addEventListener("hashchange", () => {
  known = location.hash;
  if (!first) return;
  const linked = readAddress(known, TOOLS, first.inputs);
  showTool(linked.tool);
  window.scrollTo(0, 0);
  // The name of a tool alone leaves it as it was left.
  if (location.hash.includes("?") || !TOOLS[tool].every((view) => shown[view])) {
    follow(linked).catch(say);
  } else {
    drawAgain(TOOLS[tool]);
  }
});

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

onSkip($("main"));
onShare({
  address: writeDown,
  holdsAFile: () => "file" in source && showsTensor(),
});
onDownload(() => python.ask("archive", shown.quantizer.inputs()));

/** Say what went wrong; that Python was lost is said already, at the top. */
function say(error) {
  if (!error.lost) notice(error.message);
}

showFirst().catch(say);
