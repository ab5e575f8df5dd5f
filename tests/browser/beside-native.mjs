// Times scenarios in a worker of the page's program, as Chromium runs it, and in the native program, in turn, and prints
// the ratios.
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

/** What the worker does: it loads the program, says so, and runs each script that it is sent. */
const WORKER = (program) => `
  import init, { run_script } from "${program}";
  await init();
  self.onmessage = ({ data }) => {
    const begun = performance.now();
    const trace_hash = run_script(data, 1n);
    self.postMessage({ ms: performance.now() - begun, trace_hash });
  };
  self.postMessage("loaded");
`;

const start = (page, source) =>
  page.evaluate((source) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    window.worker = new Worker(url, { type: "module" });
    window.said = (what) =>
      new Promise((resolve, reject) => {
        window.worker.onerror = (event) => reject(new Error(event.message));
        window.worker.onmessage = ({ data }) => (what(data) ? resolve(data) : undefined);
      });
    return window.said((data) => data === "loaded");
  }, source);

/** Runs a scenario. The first run compiles it: the best counts. */
const wasm = (page, script) =>
  page.evaluate((script) => {
    window.worker.postMessage(script);
    return window.said((data) => data.trace_hash !== undefined);
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
      await start(page, WORKER(new URL("/web.js", page.url()).href));
      await compare(page, scenario);
    },
    { path: "www/page.css", allow: [/favicon/] },
  );
}
