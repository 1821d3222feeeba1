/**
 * Build dist/<version>.js from src/: one file, smallest, with one placeholder for the site's
 * settings; dist/<version>/core/<parts>.js, the same with other parts built in or left out;
 * dist/<version>/<module>.js from src/modules/, each an ES module that is loaded only where
 * a site has it on; and dist/selectors/<version>.js, which the edge appends to the core for sites with
 * rules by selector.
 *
 * It serves nothing and knows no site: the edge puts the settings in. The one invariant: a version
 * that dist/versions.json lists as published never changes; a change needs a new version in
 * package.json.
 *
 *   node tracker/build.mjs            build, check types and size
 *   node tracker/build.mjs --check    build in memory, fail if dist/ is not what src/ builds
 *   node tracker/build.mjs --publish  build and freeze the version
 *
 * The tools are found in the folder `NPM_DIR` (default build/npm/tracker), where
 * tracker/build.py installs what package.json names.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const MODULE_BUDGET = 1536;
/** The parts that a site may switch on; edge/sites.py has the same names. */
const MODULES = ["clicks", "errors", "forms", "scroll", "vitals"];
/**
 * What is one file with a placeholder: how large `gzip -9` at most, which placeholder, and what the edge
 * puts there for most sites, for sizes are those of the script as it is served.
 */
const CORE = { budget: 1536, mark: "__SF__", usual: '["/sf/e","/sf/p.gif"]' };
/** The parts of the core that a site may do without; edge/collector/builds.py has the same names. */
const PARTS = ["downloads", "forms", "hash"];
/** What a site has that changed nothing: this is dist/<version>.js. */
const USUAL_PARTS = "downloads+forms";
/** The same for a site that is not behind the edge: whole addresses, with its key, come to it. */
const SNIPPET = {
  ...CORE,
  budget: 1600,
  usual: JSON.stringify(
    ["e", "p"].map((name) => `https://edge.example.com/sf/${name}?k=stk_0123456789abcdefghijklmn`),
  ),
};
const SELECTORS = { budget: 256, mark: "__SF_RULES__", usual: "[]" };

const here = dirname(fileURLToPath(import.meta.url));
const npmDir = resolve(process.env.NPM_DIR ?? join(here, "..", "build", "npm", "tracker"));
const tools = createRequire(join(npmDir, "package.json"));
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const target = join(here, "dist", `${version}.js`);
const ledger = join(here, "dist", "versions.json");

function checkTypes() {
  const compiler = join(npmDir, "node_modules", "typescript", "bin", "tsc");
  const project = join(here, "tsconfig.json");
  execFileSync(process.execPath, [compiler, "--project", project], { stdio: "inherit" });
}

/** Every other choice of parts, the empty one `none`. */
const OTHERS = PARTS.reduce((found, part) => [...found, ...found.map((one) => [...one, part])], [[]])
  .map((parts) => parts.join("+") || "none")
  .filter((choice) => choice != USUAL_PARTS);

async function minify(entry, options, define = {}) {
  const bundled = await tools("esbuild").build({
    entryPoints: [join(here, "src", ...entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2019",
    charset: "ascii",
    define,
    minifySyntax: true,
  });
  const { code } = await tools("terser").minify(bundled.outputFiles[0].text, {
    ecma: 2019,
    module: true,
    compress: { passes: 4, pure_getters: true, keep_fargs: false, ...options },
    format: { ascii_only: true },
  });
  return code;
}

async function buildCores() {
  const built = {};
  for (const choice of [USUAL_PARTS, ...OTHERS]) {
    const isIn = (part) => [`WITH_${part.toUpperCase()}`, String(choice.split("+").includes(part))];
    const options = { booleans_as_integers: true };
    const code = await minify(["main.js"], options, Object.fromEntries(PARTS.map(isIn)));
    built[choice] = enclose(code, CORE);
  }
  return built;
}

async function buildSelectors() {
  return enclose(await minify(["selectors.js"], { booleans_as_integers: true }), SELECTORS);
}

async function buildModules() {
  const built = {};
  for (const name of MODULES) built[name] = (await minify(["modules", `${name}.js`], {})) + "\n";
  return built;
}

/** Keep every name out of the page's global scope: a block with `let` is the shortest way. */
function enclose(code, { mark }) {
  const kept = code.match(/\b(function \w|var )/g) ?? [];
  const isBlock = /^(var|const|let) /.test(code);
  if (!isBlock || kept.length > 1 || code.split(mark).length !== 2)
    throw new Error("the minified code has another shape than the enclosing block expects");
  return `{${code.replace(/^var /, "let ").replace(/;$/, "")}}\n`.replace(mark, `"${mark}"`);
}

function describeModule(code) {
  const bytes = Buffer.from(code);
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    gzip_bytes: gzipSync(bytes, { level: 9 }).length,
    br_bytes: brotliCompressSync(bytes).length,
  };
}

function describe(code, { mark, usual }) {
  const served = Buffer.from(code.replace(`"${mark}"`, usual));
  return {
    sha256: createHash("sha256").update(code).digest("hex"),
    integrity: `sha384-${createHash("sha384").update(code).digest("base64")}`,
    bytes: served.length,
    gzip_bytes: gzipSync(served, { level: 9 }).length,
    br_bytes: brotliCompressSync(served).length,
  };
}

/** List everything that a version is made of, with its budget. */
const parts = (row) => [
  ["core", row, CORE.budget],
  ...OTHERS.map((name) => [`core ${name}`, row?.cores?.[name], CORE.budget]),
  ["core in a snippet", row?.snippet, SNIPPET.budget],
  ["selectors", row?.selectors, SELECTORS.budget],
  ...MODULES.map((name) => [name, row?.modules?.[name], MODULE_BUDGET]),
];

/** What a version is, whatever its sizes. */
const content = (row) => JSON.stringify(parts(row).map(([, part]) => part?.sha256));

function guard(row, old, checkOnly) {
  for (const [name, { gzip_bytes }, budget] of parts(row))
    if (gzip_bytes > budget)
      throw new Error(`${name}: ${gzip_bytes} bytes gzip -9 are over the budget of ${budget}`);
  if (old?.published && content(old) !== content(row))
    throw new Error(`version ${version} is published and frozen: raise it in tracker/package.json`);
  if (checkOnly && content(old) !== content(row))
    throw new Error(`tracker/dist/ of ${version} is not what tracker/src builds: run make tracker`);
}

function write(cores, selectors, modules) {
  for (const folder of [join(version, "core"), "selectors"])
    mkdirSync(join(here, "dist", folder), { recursive: true });
  writeFileSync(target, cores[USUAL_PARTS]);
  for (const name of OTHERS)
    writeFileSync(join(here, "dist", version, "core", `${name}.js`), cores[name]);
  writeFileSync(join(here, "dist", "selectors", `${version}.js`), selectors);
  for (const name of MODULES) writeFileSync(join(here, "dist", version, `${name}.js`), modules[name]);
}

async function main(flags) {
  checkTypes();
  const versions = existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : {};
  const old = versions[version];
  const [cores, selectors] = [await buildCores(), await buildSelectors()];
  const modules = await buildModules();
  const row = {
    ...describe(cores[USUAL_PARTS], CORE),
    published: Boolean(old?.published || flags.includes("--publish")),
    cores: Object.fromEntries(OTHERS.map((name) => [name, describe(cores[name], CORE)])),
    snippet: describe(cores[PARTS.join("+")], SNIPPET),
    selectors: describe(selectors, SELECTORS),
    modules: Object.fromEntries(MODULES.map((name) => [name, describeModule(modules[name])])),
  };
  console.log(`tracker ${version}${" ".repeat(19)}raw  gzip -9    br`);
  for (const [name, { bytes, gzip_bytes, br_bytes }] of parts(row))
    console.log(name.padEnd(25), ...[bytes, gzip_bytes, br_bytes].map((n) => String(n).padStart(6)));
  const checkOnly = flags.includes("--check");
  guard(row, old, checkOnly);
  if (checkOnly) return;
  write(cores, selectors, modules);
  writeFileSync(ledger, JSON.stringify({ ...versions, [version]: row }, null, 2) + "\n");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`tracker: ${error.message}`);
  process.exitCode = 1;
}
