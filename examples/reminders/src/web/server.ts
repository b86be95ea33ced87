import swagger from '@fastify/swagger';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from 'fastify';
import { NotAnswered } from '../delivery/wechat.js';
import { addPage } from './page.js';
import { Problem, unavailable } from './problem.js';
import { addRoutes, type RouteParts } from './routes.js';

const BODY_LIMIT = 16_384;
const TITLE = 'WeChat reminders';

export interface ServerParts extends RouteParts {
  /** Answers whether the store can be reached. */
  readonly ping: () => Promise<unknown>;
  /** Returns how many occurrences ended in each state. */
  readonly totals: () => Promise<Readonly<Record<string, number>>>;
}

/** Makes the web server; it does not listen yet. */
export async function createServer(parts: ServerParts, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log,
    // A line for each request would drown those of the messages.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    // A path that the router itself refuses does not come to the error handler.
    frameworkErrors: (error, _request, reply) => answerError(error, reply),
    // A body is taken as it is or refused: "8" is no hour, and an unknown field is a mistake of the client.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
  });
  // `wx.request` names JSON also where it sends no body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(new Problem(400, 'invalid', 'the body is no JSON'));
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('Cache-Control', 'no-store');
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: TITLE, version: '1.0.0' },
      components: { securitySchemes: { session: { type: 'http', scheme: 'bearer' } } },
    },
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply));
  app.setNotFoundHandler((_request, reply) => answer(reply, new Problem(404, 'not_found', 'there is no such route')));
  addRoutes(app, parts);
  addPage(app);
  app.get('/healthz', { schema: { hide: true } }, () => ({ state: 'alive' }));
  app.get('/readyz', { schema: { hide: true } }, async () => {
    await parts.ping();
    const [stop, outcomes] = await Promise.all([parts.stops.find(), parts.totals()]);
    return { state: 'ready', outcomes, ...(stop === undefined ? {} : { stopped: stop }) };
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

function answerError(error: FastifyError, reply: FastifyReply): FastifyReply {
  if (error instanceof Problem) return answer(reply, error);
  if (error.validation !== undefined) return answer(reply, new Problem(400, 'invalid', error.message));
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return answer(reply, new Problem(error.statusCode, 'invalid', error.message));
  }
  if (error instanceof NotAnswered) {
    reply.log.warn({ error: error.message }, 'WeChat has not answered');
    return answer(reply, new Problem(503, 'wechat', 'WeChat does not answer: try again'));
  }
  reply.log.error({ error: error.message }, 'a request could not be answered');
  return answer(
    reply,
    isOfRedis(error) ? unavailable() : new Problem(500, 'internal', 'the request failed: see the log'),
  );
}

/** Tells whether the store could not be asked, or refused: ioredis says so by the name of the error, or in its message alone. */
function isOfRedis({ name, message }: Error): boolean {
  if (name === 'MaxRetriesPerRequestError' || name === 'ReplyError') return true;
  return /^(Command timed out|Stream isn't writeable|Connection is closed|connect |read |write )/.test(message);
}

function answer(reply: FastifyReply, { status, code, message }: Problem): FastifyReply {
  if (status === 503) reply.header('Retry-After', '2');
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  return reply.code(status).send({ error: { code, message } });
}
