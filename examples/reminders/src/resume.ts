// `npm run resume` lets messages be sent again after WeChat refused the template and what was wrong has been mended.
import { pino } from 'pino';
import { connectForRequests } from './connections.js';
import { TemplateStops } from './redis/template-stops.js';
import { readSettings } from './settings.js';

const { redisUrl, template } = readSettings(process.env);
const database = connectForRequests(redisUrl, pino({ level: 'silent' }));
const giveUp = setTimeout(() => {
  console.error('Redis does not answer.');
  process.exit(1);
}, 5_000);
await new Promise((resolve) => database.once('ready', resolve));
clearTimeout(giveUp);
const wasStopped = await new TemplateStops(database, template.id).resume();
console.log(wasStopped ? 'The template is sent again.' : 'The template was not stopped.');
database.disconnect();
