// Load Pyodide, show it the checkout, and run the checks there. Usage: node run.mjs PYODIDE ROOT CHECKS
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyodideFile, root, checks] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(pyodideFile));
const pyodide = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONDONTWRITEBYTECODE: "1" } });
pyodide.FS.mkdirTree("/project");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root }, "/project");
pyodide.runPython("import sys; sys.path.insert(0, '/project')");
const failures = await pyodide.runPythonAsync(readFileSync(checks, "utf8"));
process.exit(failures ? 1 : 0);
