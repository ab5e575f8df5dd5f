// Times one scenario in the worker's wasm under Node.js and in the native program, in turn, and prints the ratio.
//
// node tests/node/bench.mjs WORKER_MODULE TERRARIUM_PROGRAM

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const SCENARIO = "benches/load.terra";
const ROUNDS = 7;

const [module, terrarium] = process.argv.slice(2);
const worker = createRequire(import.meta.url)(resolve(module));
const script = readFileSync(SCENARIO, "utf8");

function seconds(run) {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function native() {
  const run = spawnSync(terrarium, ["run", SCENARIO, "--json"], { encoding: "utf8" });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`terrarium ended with ${run.status}: ${run.stderr}`);
  return JSON.parse(run.stdout);
}

const { messages } = native();
const best = { native: Infinity, wasm: Infinity };
for (let round = 0; round < ROUNDS; round += 1) {
  best.native = Math.min(best.native, seconds(native));
  best.wasm = Math.min(best.wasm, seconds(() => worker.run_script(script, 1n)));
}
const rate = (time) => `${Math.round(messages / time / 1000)} thousand messages a second`;
console.log(`${messages} messages; best of ${ROUNDS} rounds, the native ones with the start of the program`);
console.log(`native ${rate(best.native)}, WebAssembly ${rate(best.wasm)}: ${(best.native / best.wasm).toFixed(2)} of native`);
