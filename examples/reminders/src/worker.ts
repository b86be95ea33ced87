// npm run worker: a worker alone, as many as there should be.
import { run } from './process.js';
import { startWork } from './work-service.js';

await run(async (settings, app, log) => [startWork(settings, app, log)]);
