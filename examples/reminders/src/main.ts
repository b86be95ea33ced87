// `npm start` runs the web server and a worker in one process.
import { run } from './process.js';
import { startWeb } from './web-service.js';
import { startWork } from './work-service.js';

await run(async (settings, app, log) => [startWork(settings, app, log), await startWeb(settings, app, log)]);
