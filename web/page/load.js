// Python in a worker: Pyodide, NumPy and fp8lab, from files that were checked.

import { collect, openSite } from "./files.js";

const VERSIONS = `
import sys, numpy, fp8lab
f"fp8lab {fp8lab.__version__}, NumPy {numpy.__version__}, Python {sys.version.split()[0]}"
`;

/**
 * Load everything from the site at `base`, whose site.json is given: `{ python,
 * versions }`. `tell` is called with `{ stage, loaded, total }`; any step that fails
 * throws an error in words.
 */
export async function loadPython(base, description, tell) {
  const stage = "Downloading Python";
  tell({ stage });
  const site = openSite(base, description);
  const files = collect(site, (loaded, total) => tell({ stage, loaded, total }));
  const all = Promise.all(files.values()).then(() => tell({ stage: "Starting Python" }));
  serveFrom(files);
  // Python starts while its packages are on their way; a file that cannot be had ends it.
  const start = startPyodide(site);
  start.catch(() => {});
  await all;
  const python = await start;
  tell({ stage: "Loading NumPy and fp8lab" });
  await loadLab(python);
  return { python, versions: python.runPython(VERSIONS) };
}

async function startPyodide(site) {
  const { loadPyodide } = await site.modules();
  return loadPyodide({
    indexURL: site.pyodide, lockFileURL: site.lock, packageBaseUrl: site.packages,
  });
}

/** Let Pyodide find what is being downloaded and checked, as soon as it is. */
function serveFrom(files) {
  const outside = self.fetch.bind(self);
  self.fetch = async (address, options) => {
    const url = new URL(address.url ?? address, self.location.href).href;
    const wanted = files.get(url);
    if (!wanted) return outside(address, options);
    files.delete(url);
    const type = url.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(await wanted, { headers: { "content-type": type } });
  };
}

/** loadPackage reports a bad wheel to a callback and goes on: make that an error. */
async function loadLab(python) {
  const complaints = [];
  await python.loadPackage("fp8lab", {
    errorCallback: (text) => complaints.push(text),
    messageCallback: () => {},
    checkIntegrity: false, // files.js has done it
  });
  for (const name of ["numpy", "fp8lab"]) {
    if (!python.loadedPackages[name]) {
      throw new Error(`${name} could not be loaded. ${complaints.join(" ")}`);
    }
  }
}
