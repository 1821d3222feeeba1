/**
 * Build dist/<version>.js from src/: one file, smallest, with one placeholder for the site's
 * settings; and dist/<version>/<module>.js from src/modules/, each an ES module that is loaded only
 * where a site has it on.
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

const BUDGET_BYTES = 1536;
/** The parts that a site may switch on; edge/sites.py has the same names. */
const MODULES = ["clicks", "errors", "forms", "scroll", "vitals"];
const PLACEHOLDER = '"__SF__"';
/** What the edge puts there for most sites: sizes are those of the script as it is served. */
const DEFAULTS = '{"e":"/sf/e","p":"/sf/p.gif","h":0}';

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

async function minify(entry, options) {
  const bundled = await tools("esbuild").build({
    entryPoints: [join(here, "src", ...entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2019",
    charset: "ascii",
  });
  const { code } = await tools("terser").minify(bundled.outputFiles[0].text, {
    ecma: 2019,
    module: true,
    compress: { passes: 4, pure_getters: true, keep_fargs: false, ...options },
    format: { ascii_only: true },
  });
  return code;
}

async function build() {
  // Conditionals are left as they are written: alike, they compress better.
  const code = await minify(["main.js"], { booleans_as_integers: true, conditionals: false });
  return enclose(code).replace("__SF__", PLACEHOLDER);
}

async function buildModules() {
  const built = {};
  for (const name of MODULES) built[name] = (await minify(["modules", `${name}.js`], {})) + "\n";
  return built;
}

/** Keep every name out of the page's global scope: a block with `let` is the shortest way. */
function enclose(code) {
  const kept = code.match(/\b(function \w|var )/g) ?? [];
  if (!code.startsWith("var ") || kept.length !== 1 || code.split("__SF__").length !== 2)
    throw new Error("the minified code has another shape than the enclosing block expects");
  return `{${code.replace(/^var /, "let ").replace(/;$/, "")}}\n`;
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

function describe(code, published) {
  const bytes = Buffer.from(code);
  const served = Buffer.from(code.replace(PLACEHOLDER, DEFAULTS));
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    integrity: `sha384-${createHash("sha384").update(bytes).digest("base64")}`,
    bytes: served.length,
    gzip_bytes: gzipSync(served, { level: 9 }).length,
    br_bytes: brotliCompressSync(served).length,
    published,
  };
}

/** What a version is, whatever its sizes. */
const content = (row) =>
  JSON.stringify([row?.sha256, ...MODULES.map((name) => row?.modules?.[name]?.sha256)]);

function guard(row, old, checkOnly) {
  for (const [name, { gzip_bytes }] of [["the core", row], ...Object.entries(row.modules)])
    if (gzip_bytes > BUDGET_BYTES)
      throw new Error(`${name}: ${gzip_bytes} bytes gzip -9 are over the budget of ${BUDGET_BYTES}`);
  if (old?.published && content(old) !== content(row))
    throw new Error(`version ${version} is published and frozen: raise it in tracker/package.json`);
  if (checkOnly && content(old) !== content(row))
    throw new Error(`tracker/dist/ of ${version} is not what tracker/src builds: run make tracker`);
}

async function main(flags) {
  checkTypes();
  const versions = existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : {};
  const old = versions[version];
  const [code, modules] = [await build(), await buildModules()];
  const row = describe(code, Boolean(old?.published || flags.includes("--publish")));
  row.modules = Object.fromEntries(MODULES.map((name) => [name, describeModule(modules[name])]));
  console.log(`tracker ${version}        raw  gzip -9    br`);
  for (const [name, { bytes, gzip_bytes, br_bytes }] of [["core", row], ...Object.entries(row.modules)])
    console.log(name.padEnd(14), ...[bytes, gzip_bytes, br_bytes].map((n) => String(n).padStart(6)));
  const checkOnly = flags.includes("--check");
  guard(row, old, checkOnly);
  if (checkOnly) return;
  writeFileSync(target, code);
  mkdirSync(join(here, "dist", version), { recursive: true });
  for (const name of MODULES) writeFileSync(join(here, "dist", version, `${name}.js`), modules[name]);
  writeFileSync(ledger, JSON.stringify({ ...versions, [version]: row }, null, 2) + "\n");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`tracker: ${error.message}`);
  process.exitCode = 1;
}
