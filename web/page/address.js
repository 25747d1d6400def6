// What the visitor sees, in the part of the address after "#": it is never sent to a
// server, and a link with it shows the same picture.
//
//   #bits?format=E5M2&stacks.formats=["E5M2"]      #quantize?sample=gaussian&group=1x32
//
// A tool's first view has the bare names. What is as it was at first is left out.

/** Write an address: `held` maps a view to its inputs, `first` to those at first. */
export function writeAddress(tool, views, held, first, source) {
  const query = new URLSearchParams(source);
  views.forEach((view, i) => {
    for (const [key, was] of Object.entries(first[view])) {
      const value = held[view][key];
      if (JSON.stringify(value) === JSON.stringify(was) || value === undefined) continue;
      query.set(i === 0 ? key : `${view}.${key}`, written(value));
    }
  });
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  return `#${tool}${text ? `?${text}` : ""}`;
}

/** Read an address back: the tool's name and, by view, the inputs that it names. */
export function readAddress(hash, tools, first) {
  const [name, text = ""] = hash.slice(1).split("?", 2);
  const tool = name in tools ? name : Object.keys(tools)[0];
  const query = new URLSearchParams(text);
  const inputs = {};
  tools[tool].forEach((view, i) => {
    inputs[view] = { ...first[view] };
    for (const [key, was] of Object.entries(first[view])) {
      const given = query.get(i === 0 ? key : `${view}.${key}`);
      if (given !== null) inputs[view][key] = read(given, was);
    }
  });
  const source = {};
  for (const key of ["sample", "numbers", "file"]) {
    if (query.has(key)) source[key] = query.get(key);
  }
  return { tool, inputs, source };
}

function written(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Where text was at first, text is read as it is, unless it is a list. */
function read(text, was) {
  if (typeof was === "string" && !text.startsWith("[")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
