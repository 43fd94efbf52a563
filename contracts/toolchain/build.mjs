// Compiles every Solidity source under contracts/src with the pinned compiler and writes one small
// artifact per contract to contracts/artifacts. Same sources, same bytes: no timestamps, no absolute
// paths, no metadata hash in the bytecode, keys in a fixed order.
//
//   node contracts/toolchain/build.mjs            build everything, replace the artifacts
//   node contracts/toolchain/build.mjs --check    build in memory, fail if the artifacts differ
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");

const COMPILER = "0.8.37";
const SIZE_LIMIT = 24_576; // EIP-170
const CONTRACTS = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = join(CONTRACTS, "src");
const ARTIFACTS = join(CONTRACTS, "artifacts");
const SETTINGS = {
  evmVersion: "cancun",
  viaIR: true,
  optimizer: { enabled: true, runs: 1_000_000 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
};
// The order book's contracts are large; for them size matters more than the last unit of gas.
const RUNS = { "src/Exchange.sol": 200 };

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** All .sol files under a folder, as sorted paths relative to contracts/. */
function listSources(folder) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...listSources(path));
    else if (entry.name.endsWith(".sol")) found.push(relative(CONTRACTS, path).split(sep).join(posix.sep));
  }
  return found.sort();
}

function compile(sources, settings) {
  const input = {
    language: "Solidity",
    sources,
    settings: {
      ...settings,
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  // Source files of other people may be half written: name the file, and warnings are errors.
  const problems = (output.errors ?? []).filter((e) => e.severity !== "info" && !isTolerated(e));
  return { contracts: output.contracts ?? {}, problems };
}

/** Natural-language hints that do not concern correctness: contract size is checked below, by us. */
function isTolerated(error) {
  return ["5574", "3860"].includes(error.errorCode);
}

function artifactsOf(contracts, only, settings, sources) {
  const artifacts = new Map();
  for (const path of Object.keys(contracts).sort()) {
    if (!only(path)) continue;
    for (const name of Object.keys(contracts[path]).sort()) {
      const c = contracts[path][name];
      // internal libraries and abstract contracts are part of the contracts that use them
      if (c.abi.length === 0 || (!c.evm.bytecode.object && !path.startsWith("src/interfaces/"))) continue;
      const uses = Object.keys(JSON.parse(c.metadata || "{}").sources ?? { [path]: 0 }).sort();
      artifacts.set(name, {
        contractName: name,
        source: path,
        compiler: { name: "solc-js", version: solc.version(), settings },
        sourceHash: sha256(uses.map((p) => `${p}\n${sha256(sources[p].content)}\n`).join("")),
        abi: c.abi,
        bytecode: "0x" + c.evm.bytecode.object,
        deployedBytecode: "0x" + c.evm.deployedBytecode.object,
      });
    }
  }
  return artifacts;
}

function fail(lines) {
  for (const line of lines) process.stderr.write(line + "\n");
  process.exit(1);
}

/** JSON with one ABI entry per line: small, and a diff stays readable. */
function serialise(artifact) {
  const lines = Object.entries(artifact).map(([key, value]) => {
    if (key !== "abi") return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    const entries = value.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n");
    return value.length ? `  "abi": [\n${entries}\n  ]` : `  "abi": []`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

const args = process.argv.slice(2);
const check = args.includes("--check");
const filter = args.filter((a) => !a.startsWith("--")); // e.g. src/verifier: build only these
if (!solc.version().startsWith(COMPILER)) fail([`solc ${solc.version()} found, ${COMPILER} wanted: npm ci in contracts/toolchain`]);

const wanted = (path) => filter.length === 0 || filter.some((f) => path.startsWith(f));
const all = Object.fromEntries(
  listSources(SOURCES).map((path) => [path, { content: readFileSync(join(CONTRACTS, path), "utf8") }]),
);
const roots = Object.fromEntries(Object.entries(all).filter(([path]) => wanted(path)));
const importOf = (input) => {
  // transitive closure of relative imports, so that a filtered build needs no other source to compile
  const closure = { ...input };
  const queue = Object.keys(input);
  while (queue.length) {
    const path = queue.pop();
    for (const [, target] of closure[path].content.matchAll(/^\s*import\s[^"]*"([^"]+)"/gm)) {
      const resolved = posix.normalize(posix.join(posix.dirname(path), target));
      if (!(resolved in closure) && resolved in all) {
        closure[resolved] = all[resolved];
        queue.push(resolved);
      }
    }
  }
  return closure;
};

const built = new Map();
const problems = [];
const groups = new Map(); // optimizer runs -> root paths
for (const path of Object.keys(roots)) {
  const runs = RUNS[path] ?? SETTINGS.optimizer.runs;
  groups.set(runs, [...(groups.get(runs) ?? []), path]);
}
for (const [runs, paths] of [...groups].sort(([a], [b]) => a - b)) {
  const settings = { ...SETTINGS, optimizer: { ...SETTINGS.optimizer, runs } };
  const closure = importOf(Object.fromEntries(paths.map((p) => [p, all[p]])));
  const result = compile(closure, settings);
  problems.push(...result.problems.map((e) => e.formattedMessage));
  for (const [name, artifact] of artifactsOf(result.contracts, (p) => paths.includes(p), settings, closure)) {
    if (built.has(name)) problems.push(`two contracts are called ${name}`);
    built.set(name, artifact);
  }
}
if (problems.length) fail([...new Set(problems)]);

for (const [name, artifact] of built) {
  const size = (artifact.deployedBytecode.length - 2) / 2;
  if (size > SIZE_LIMIT) problems.push(`${name}: ${size} bytes, the limit is ${SIZE_LIMIT}`);
  else if (size > 0) process.stdout.write(`${name.padEnd(28)} ${String(size).padStart(6)} bytes\n`);
}
if (problems.length) fail(problems);

mkdirSync(ARTIFACTS, { recursive: true });
const stale = readdirSync(ARTIFACTS).filter((f) => f.endsWith(".json") && !built.has(f.slice(0, -5)));
if (check) {
  const differing = [...built].filter(([name, artifact]) => {
    const path = join(ARTIFACTS, `${name}.json`);
    return !existsSync(path) || readFileSync(path, "utf8") !== serialise(artifact);
  });
  const bad = [...differing.map(([name]) => name), ...(filter.length ? [] : stale)];
  if (bad.length) fail(bad.map((name) => `artifact differs from the sources: ${name}`));
} else {
  if (filter.length === 0) for (const file of stale) rmSync(join(ARTIFACTS, file));
  for (const [name, artifact] of built) writeFileSync(join(ARTIFACTS, `${name}.json`), serialise(artifact));
}
