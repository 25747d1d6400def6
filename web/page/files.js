// The large files of Python: downloaded side by side, counted, and checked.

/** Find the files that site.json names, each with its size and SHA-256. */
export function openSite(base, site) {
  const local = (path) => new URL(path, base).href;
  const pyodide = local(site.pyodide);
  const core = ["pyodide.mjs", "pyodide.asm.mjs"].map((name) => new URL(name, pyodide).href);
  return {
    pyodide,
    packages: local(site.packages),
    lock: local(site.lock),
    // `as` is the address by which Pyodide asks for a file, wherever it came from.
    files: site.files.map((file) => ({ ...file, url: local(file.url), as: local(file.as) })),
    // Side by side; Pyodide asks for the second one itself, by the same address.
    modules: () => Promise.all(core.map((url) => import(url))).then(([main]) => main),
  };
}

/**
 * Download and check the site's files, side by side: a Map from address to a promise of
 * bytes. `progress(loaded, total)` is called with bytes.
 */
export function collect(site, progress) {
  const total = site.files.reduce((sum, file) => sum + file.size, 0);
  let loaded = 0;
  const wanted = async (file) => {
    const bytes = await download(file, (count) => progress(loaded += count, total));
    await check(file, bytes);
    return bytes;
  };
  return new Map(site.files.map((file) => [file.as, wanted(file)]));
}

async function download(file, count) {
  const response = await fetched(file.url);
  const reader = response.body.getReader();
  const bytes = new Uint8Array(file.size);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > file.size) throw differs(file, "longer");
    bytes.set(value, at);
    at += value.length;
    count(value.length);
  }
  if (at < file.size) throw differs(file, "shorter");
  return bytes;
}

/** Fetch a file, or say in words why it cannot be had. */
export async function fetched(url, options) {
  const name = new URL(url).pathname.split("/").at(-1);
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error(`${name} could not be downloaded: no answer. Is the network there?`);
  }
  if (!response.ok) {
    throw new Error(`${name} could not be downloaded: the server answered ${response.status}.`);
  }
  return response;
}

async function check(file, bytes) {
  // Without https there is no digest. Files of our own server are then as trustworthy
  // as this text, which came the same way; files of another server are refused.
  if (!self.crypto.subtle) {
    if (new URL(file.url).origin === new URL(import.meta.url).origin) return;
    throw new Error("This page has to be opened with https: its files cannot be checked.");
  }
  const digest = new Uint8Array(await self.crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== file.sha256) throw differs(file, "different");
}

function differs(file, how) {
  const name = new URL(file.url).pathname.split("/").at(-1);
  const built = how === "different" ? "its SHA-256 differs" : `it is ${how}`;
  return new Error(`${name} is not the file that this page was built with: ${built}.`);
}
