#!/usr/bin/env node
// The pinned solc-js behind the command line that forge expects of a compiler: `--version`, and
// `--standard-json` with the input on stdin. forge puts the content of every source into the input,
// so nothing is read from disk here.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const solc = createRequire(import.meta.url)("solc");
const args = process.argv.slice(2);

if (args.includes("--version")) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (args.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write(`solc.mjs answers --version and --standard-json only, not: ${args.join(" ")}\n`);
  process.exit(1);
}
