// Times scenarios in the page's worker, as Chromium runs it, and in the native program, in turn, and prints the ratios.
//
//   TERRARIUM_URL=http://127.0.0.1:8123/ CHROME_PATH=/usr/bin/chromium TERRARIUM_BIN=target/release/terrarium \
//     node tests/browser/beside-native.mjs
//
// `cargo xtask bench` does it, with the page as it is built for others. It judges nothing.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { withPage } from "./harness.mjs";

const SCENARIOS = ["benches/load.terra", "benches/hundred.terra"];
const ROUNDS = 7;

function native(scenario) {
  const begun = performance.now();
  const run = spawnSync(process.env.TERRARIUM_BIN, ["run", scenario, "--json"], { encoding: "utf8" });
  const ms = performance.now() - begun;
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`terrarium ended with ${run.status}: ${run.stderr}`);
  return { ms, ...JSON.parse(run.stdout) };
}

/** Runs a scenario in the worker's binary, which outside a worker is a library. The first run compiles it: the best counts. */
const wasm = (page, script) =>
  page.evaluate(async (script) => {
    const begun = performance.now();
    const trace_hash = window.worker.run_script(script, 1n);
    return { ms: performance.now() - begun, trace_hash };
  }, script);

async function compare(page, scenario) {
  const script = readFileSync(scenario, "utf8");
  const best = { native: Infinity, wasm: Infinity };
  let messages;
  for (let round = 0; round < ROUNDS; round += 1) {
    const [here, there] = [native(scenario), await wasm(page, script)];
    if (here.trace_hash !== there.trace_hash) throw new Error(`${scenario}: native and WebAssembly differ`);
    best.native = Math.min(best.native, here.ms);
    best.wasm = Math.min(best.wasm, there.ms);
    messages = here.messages;
  }
  const rate = (ms) => `${Math.round(messages / ms)} thousand messages a second`;
  console.log(`${scenario}: ${messages} messages; best of ${ROUNDS} rounds, the native ones with the start of the program`);
  console.log(`  native ${rate(best.native)}, WebAssembly ${rate(best.wasm)}: ${(best.native / best.wasm).toFixed(2)} of native`);
}

// Each in a fresh page of the same origin on which nothing else runs.
for (const scenario of SCENARIOS) {
  await withPage(
    async (page) => {
      await page.evaluate(async () => {
        window.worker = await import("/worker.js");
        await window.worker.default();
      });
      await compare(page, scenario);
    },
    { path: "www/page.css", allow: [/favicon/] },
  );
}
