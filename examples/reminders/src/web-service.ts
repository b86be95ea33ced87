import type { FastifyBaseLogger } from 'fastify';
import { connectForRequests } from './connections.js';
import { OccurrenceQueue } from './delivery/occurrence-queue.js';
import { Consents } from './redis/consents.js';
import { Occurrences } from './redis/occurrences.js';
import { Reminders } from './redis/reminders.js';
import { Sessions } from './redis/sessions.js';
import { TemplateStops } from './redis/template-stops.js';
import type { Settings } from './settings.js';
import { createServer } from './web/server.js';
import type { WeChatApp } from './wechat-app.js';

export interface WebService {
  readonly url: string;
  /** Answers what is under way, and ends. */
  stop(): Promise<void>;
}

/** Starts the web server. */
export async function startWeb(settings: Settings, app: WeChatApp, log: FastifyBaseLogger): Promise<WebService> {
  const { clock, template, redisUrl, port, host } = settings;
  const database = connectForRequests(redisUrl, log);
  const queue = new OccurrenceQueue(database, clock);
  const server = await createServer(
    {
      clock,
      template,
      queue,
      wechat: app.wechat,
      sessions: new Sessions(database),
      reminders: new Reminders(database),
      consents: new Consents(database, template.id),
      stops: new TemplateStops(database, template.id),
      ping: () => database.ping(),
      totals: () => new Occurrences(database, template.id).totals(),
    },
    log,
  );
  const url = await server.listen({ port, host });
  return {
    url,
    stop: async () => {
      await server.close();
      await queue.close();
      database.disconnect();
    },
  };
}
