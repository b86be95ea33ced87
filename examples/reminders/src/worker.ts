// `npm run worker` runs a worker alone; there may be any number of them.
import { run } from './process.js';
import { startWork } from './work-service.js';

await run(async (settings, app, log) => [startWork(settings, app, log)]);
