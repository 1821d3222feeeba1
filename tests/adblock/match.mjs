/**
 * Ask an ad-blocker's own engine about requests: JSON on standard input, JSON on standard output.
 *
 *   {"lists": [PATH, …], "requests": [{"url", "page", "type"}, …]}  →  [FILTER or null, …]
 *
 * FILTER is the rule that blocks the request, as it stands in its list. The engine is found in the
 * folder `NPM_DIR`, where engine.py installs it.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const packages = createRequire(join(process.env.NPM_DIR, "package.json"));
const { FiltersEngine, Request } = packages("@ghostery/adblocker");

const { lists, requests } = JSON.parse(readFileSync(0, "utf8"));
const rules = lists.map((path) => readFileSync(path, "utf8")).join("\n");
// Only so a filter remembers its line, and is not melted into one with its like.
const config = { debug: true, enableOptimizations: false, loadCosmeticFilters: false };
const engine = FiltersEngine.parse(rules, config);

const answers = requests.map(({ url, page, type }) => {
  const { match, filter } = engine.match(Request.fromRawDetails({ url, sourceUrl: page, type }));
  return match ? (filter?.rawLine ?? filter?.toString() ?? "unnamed rule") : null;
});
process.stdout.write(JSON.stringify(answers));
