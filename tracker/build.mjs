/**
 * Build dist/<version>.js from src/: one file, smallest, with one placeholder for the site's
 * settings; and dist/selectors/<version>.js, which the edge appends to it for sites with rules by
 * selector.
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

/**
 * What is built: from which file, into which folder, how large `gzip -9` at most, which placeholder, and
 * what the edge puts there for most sites, for sizes are those of the script as it is served.
 */
const PARTS = [
  { entry: "main.js", folder: ".", budget: 1536, mark: "__SF__", usual: '{"e":"/sf/e","p":"/sf/p.gif","h":0}' },
  { entry: "selectors.js", folder: "selectors", budget: 256, mark: "__SF_RULES__", usual: "[]" },
];

const here = dirname(fileURLToPath(import.meta.url));
const npmDir = resolve(process.env.NPM_DIR ?? join(here, "..", "build", "npm", "tracker"));
const tools = createRequire(join(npmDir, "package.json"));
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

function checkTypes() {
  const compiler = join(npmDir, "node_modules", "typescript", "bin", "tsc");
  const project = join(here, "tsconfig.json");
  execFileSync(process.execPath, [compiler, "--project", project], { stdio: "inherit" });
}

async function build({ entry, mark }) {
  const bundled = await tools("esbuild").build({
    entryPoints: [join(here, "src", entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2019",
    charset: "ascii",
  });
  const { code } = await tools("terser").minify(bundled.outputFiles[0].text, {
    ecma: 2019,
    module: true,
    compress: { passes: 4, pure_getters: true, booleans_as_integers: true, keep_fargs: false },
    format: { ascii_only: true },
  });
  return enclose(code, mark).replace(mark, `"${mark}"`);
}

/** Keep every name out of the page's global scope: a block with `let` is the shortest way. */
function enclose(code, mark) {
  const kept = code.match(/\b(function \w|var )/g) ?? [];
  const isBlock = /^(var|const|let) /.test(code);
  if (!isBlock || kept.length > 1 || code.split(mark).length !== 2)
    throw new Error("the minified code has another shape than the enclosing block expects");
  return `{${code.replace(/^var /, "let ").replace(/;$/, "")}}\n`;
}

function describe(code, { mark, usual }, published) {
  const bytes = Buffer.from(code);
  const served = Buffer.from(code.replace(`"${mark}"`, usual));
  return {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    integrity: `sha384-${createHash("sha384").update(bytes).digest("base64")}`,
    bytes: served.length,
    gzip_bytes: gzipSync(served, { level: 9 }).length,
    br_bytes: brotliCompressSync(served).length,
    published,
  };
}

function guard(row, old, { budget, folder }, checkOnly) {
  if (row.gzip_bytes > budget)
    throw new Error(`${row.gzip_bytes} bytes gzip -9 are over the budget of ${budget}`);
  if (old?.published && old.sha256 !== row.sha256)
    throw new Error(`version ${version} is published and frozen: raise it in tracker/package.json`);
  if (checkOnly && old?.sha256 !== row.sha256)
    throw new Error(`tracker/dist/${join(folder, version)}.js is not what tracker/src builds: run make tracker`);
}

async function make(part, flags) {
  const ledger = join(here, "dist", part.folder, "versions.json");
  const versions = existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : {};
  const old = versions[version];
  const code = await build(part);
  const row = describe(code, part, Boolean(old?.published || flags.includes("--publish")));
  const sizes = `raw ${row.bytes} · gzip -9 ${row.gzip_bytes} · br ${row.br_bytes}`;
  console.log(`tracker ${version} ${part.entry}: ${sizes}`);
  const checkOnly = flags.includes("--check");
  guard(row, old, part, checkOnly);
  if (checkOnly) return;
  mkdirSync(dirname(ledger), { recursive: true });
  writeFileSync(join(dirname(ledger), `${version}.js`), code);
  writeFileSync(ledger, JSON.stringify({ ...versions, [version]: row }, null, 2) + "\n");
}

async function main(flags) {
  checkTypes();
  for (const part of PARTS) await make(part, flags);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`tracker: ${error.message}`);
  process.exitCode = 1;
}
