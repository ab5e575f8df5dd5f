// The worker, which owns the world: the page's own program, which sees where it runs.
import init from "../web.js";

await init();
