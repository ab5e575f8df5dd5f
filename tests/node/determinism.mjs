// Runs every golden scenario twice, in WebAssembly under Node.js and in the native program, and compares the
// trace hashes: one world, whatever runs it.
//
// node tests/node/determinism.mjs WORKER_MODULE TERRARIUM_PROGRAM

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const GOLDEN = "tests/golden";
const SEEDS = [1n, 7n];

const [module, terrarium] = process.argv.slice(2);
const program = createRequire(import.meta.url)(resolve(module));

function native(file, seed) {
  const run = spawnSync(terrarium, ["run", file, "--seed", String(seed), "--json"], { encoding: "utf8" });
  if (run.error) throw run.error;
  // 0: all well; 1: an expectation failed or a law broke, which is the golden tests' business. Both have a trace.
  if (run.status > 1 || run.status === null) throw new Error(`terrarium ended with ${run.status}: ${run.stderr}`);
  return JSON.parse(run.stdout).trace_hash;
}

function compare(file, seed) {
  try {
    const [wasm, machine] = [program.run_script(readFileSync(file, "utf8"), seed), native(file, seed)];
    if (!/^[0-9a-f]{16}$/.test(wasm)) return `the wasm answered ${JSON.stringify(wasm)}, which is no trace hash`;
    return wasm === machine ? null : `wasm ${wasm}, native ${machine}`;
  } catch (error) {
    return String(error?.message ?? error);
  }
}

const files = readdirSync(GOLDEN, { recursive: true }).filter((name) => name.endsWith(".terra")).sort();
if (typeof program.run_script !== "function") throw new Error("the wasm does not export run_script");
if (files.length === 0) throw new Error(`${GOLDEN} holds no scenario`);

let different = 0;
for (const name of files) {
  for (const seed of SEEDS) {
    const difference = compare(join(GOLDEN, name), seed);
    if (difference === null) continue;
    different += 1;
    console.error(`${name} with seed ${seed}: ${difference}`);
  }
}
console.log(`${files.length} scenarios with ${SEEDS.length} seeds each: ${different} differ`);
process.exitCode = different === 0 ? 0 : 1;
