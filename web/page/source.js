// Where the tensor comes from: a sample, a file of the visitor's, or pasted numbers.

const KINDS = { weight: "Real weights", activation: "Real activations", generated: "Generated" };
const LONGEST_LINK = 1500; // characters of pasted numbers that an address may carry
const ACCEPT = ".npy,.npz,.csv,.tsv,.txt,.safetensors";

/**
 * Fill each of `places` with the same panel. `take(wish, files)` asks Python for a
 * tensor; what it refuses is shown with `notice`.
 */
export function showSource(places, { take, notice }) {
  let files = null;

  const wish = async (wanted, given = null) => {
    notice("");
    for (const panel of panels) panel.busy(true);
    try {
      const about = await take(wanted, given);
      files = about.entries.length ? given : null;
    } catch (error) {
      if (!error.lost) notice(error.message);
    } finally {
      for (const panel of panels) panel.busy(false);
    }
  };
  const open = (list) => {
    if (list.length > 1) notice("One file at a time: the first was taken.");
    if (list.length) wish({ file: list[0].name, entry: null }, [list[0]]);
  };
  const ways = {
    sample: (name) => wish({ sample: name }),
    open,
    entry: (name) => wish({ file: files[0].name, entry: name }, files),
    paste: (text) => wish({ numbers: text }),
  };
  const panels = [...places].map((place) => sourcePanel(place, ways));
  takeDrops(open);
  return {
    wish,
    set(about, samples, source) {
      for (const panel of panels) panel.set(about, samples, source);
    },
  };
}

function sourcePanel(place, ways) {
  const samples = make("select", { onchange: () => ways.sample(samples.value) });
  const picker = make("input", { type: "file", accept: ACCEPT, class: "visually-hidden",
    onchange: () => { ways.open(picker.files); picker.value = ""; } });
  const text = make("textarea", { rows: "4", spellcheck: "false",
    "aria-label": "Numbers, a row on each line", placeholder: "0.1, 2.5, -3\n448, 1e-3, 0" });
  const paste = make("details", { class: "paste" },
    make("summary", {}, "Paste numbers"), text,
    make("button", { type: "button", onclick: () => ways.paste(text.value) }, "Use these"));
  const name = make("strong", {});
  const facts = make("span", {});
  const note = make("p", { class: "note" });
  const filter = make("input", { type: "search", placeholder: "Filter by name",
    "aria-label": "Filter the tensors by name", oninput: () => list() });
  const entries = make("select", { size: "6", "aria-label": "Tensors of this file",
    onchange: () => ways.entry(entries.value) });
  const chooser = make("div", { class: "chooser" }, filter, entries);
  let known = [];
  let chosen = "";

  const list = () => {
    const words = filter.value.toLowerCase();
    entries.replaceChildren(...known
      .filter((entry) => entry.name.toLowerCase().includes(words))
      .map((entry) => make("option", { value: entry.name, disabled: !entry.usable,
        selected: entry.name === chosen, title: entry.reason },
      `${entry.name}  ${entry.text}`)));
  };
  place.classList.add("source");
  place.append(
    make("div", { class: "row" },
      make("label", {}, "Numbers ", samples),
      make("label", { class: "button" }, "Open a file …", picker),
      paste),
    make("p", { class: "about" }, name, " ", facts), note, chooser);

  return {
    busy: (is) => place.toggleAttribute("data-busy", is),
    set(about, choices, source) {
      if (!samples.childElementCount) fillSamples(samples, choices);
      samples.value = source.sample ?? "";
      name.textContent = about.name;
      facts.textContent = `${about.shape}, ${about.dtype}: ${about.description}`;
      note.textContent = about.note;
      note.hidden = !about.note;
      chooser.hidden = !about.entries.length;
      if (known.length !== about.entries.length) filter.value = "";
      known = about.entries;
      chosen = about.name;
      list();
      if (source.numbers !== undefined) text.value = source.numbers;
    },
  };
}

function fillSamples(select, choices) {
  const groups = Object.entries(KINDS).map(([kind, label]) =>
    make("optgroup", { label }, ...choices
      .filter((sample) => sample.kind === kind)
      .map((sample) => make("option", { value: sample.name }, sample.name))));
  select.append(make("option", { value: "", disabled: true, hidden: true }, "yours"),
    ...groups);
}

/** A file dropped anywhere on the page. */
function takeDrops(open) {
  const veil = document.getElementById("drop");
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const enter = (step) => (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + step);
    veil.hidden = depth === 0;
  };
  document.addEventListener("dragenter", enter(1));
  document.addEventListener("dragleave", enter(-1));
  document.addEventListener("dragover", enter(0));
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    // From the tool of bits one comes to the tool that can show a tensor.
    if (!location.hash.startsWith("#outlier")) location.hash = "#quantize";
    open(event.dataTransfer.files);
  });
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Whether pasted numbers are short enough to travel in a link. */
export function fitsALink(source) {
  return (source.numbers ?? "").length <= LONGEST_LINK;
}
