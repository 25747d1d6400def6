// Python in a worker: Pyodide, NumPy and fp8lab, from files that were checked.

import { collect, openSite } from "./files.js";

const VERSIONS = `
import sys, numpy, fp8lab
f"fp8lab {fp8lab.__version__}, NumPy {numpy.__version__}, Python {sys.version.split()[0]}"
`;

/**
 * Load everything from the site at `base`: `{ python, versions }`. `tell` is called with
 * `{ stage, loaded, total }`; any step that fails throws an error in words.
 */
export async function loadPython(base, tell) {
  const stage = "Downloading Python";
  tell({ stage });
  const site = await openSite(base);
  // The modules come in while the large files do; the same address later costs nothing.
  const modules = site.modules();
  modules.catch(() => {});
  serveFrom(await collect(site, (loaded, total) => tell({ stage, loaded, total })));
  tell({ stage: "Starting Python" });
  const { loadPyodide } = await modules;
  const python = await loadPyodide({
    indexURL: site.pyodide, lockFileURL: site.lock, packageBaseUrl: site.packages,
  });
  tell({ stage: "Loading NumPy and fp8lab" });
  await loadLab(python);
  return { python, versions: python.runPython(VERSIONS) };
}

/** Let Pyodide find in memory what was downloaded and checked. */
function serveFrom(held) {
  const outside = self.fetch.bind(self);
  self.fetch = (address, options) => {
    const url = new URL(address.url ?? address, self.location.href).href;
    const found = held.get(url);
    if (!found) return outside(address, options);
    held.delete(url);
    const type = url.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return Promise.resolve(new Response(found, { headers: { "content-type": type } }));
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
