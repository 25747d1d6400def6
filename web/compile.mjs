// node compile.mjs FOLDER MODULE...: compile FOLDER/in/* into FOLDER/out/ with the
// Pyodide in FOLDER/core/, whose Python is the one that will load the result. The work
// is done by bytecode.py; the modules are those that the site starts with.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, ...start] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const { loadPyodide } = await import(pathToFileURL(join(folder, "core", "pyodide.mjs")));
const python = await loadPyodide();
python.FS.mkdir("/job");
python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, "/job");
python.runPython(readFileSync(join(here, "bytecode.py"), "utf8"));
python.globals.set("start", python.toPy(start));
python.runPython('compile_folder(Path("/job/in"), Path("/job/out"), start)');
