import type { TaskStatus } from '../../../core/engine/status.js';
import { tokenKey } from '../../../core/model/token-key.js';
import type { TokenRecord } from '../../../core/model/token-record.js';
import { secondsLeft } from '../../../core/primitives/lifetime-left.js';
import type { Manager } from '../../manager/manager.js';
import { TaskReplacements } from '../../manager/task-replacements.js';
import { type Failure, retryAfterOf } from '../../messages/error-status.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { AN_ORDER, refreshOrderIn } from '../../routing/refresh-order.js';
import { badRequest, type Call, RouteFailure } from '../../routing/request-context.js';
import type { RouteContext } from '../../routing/route-services.js';
import type { Contract, Route } from '../../routing/router.js';
import { grantIn, withWireNames } from './native-grant.js';
import { registrationOf } from './native-registration.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const DONE: HttpAnswer = { status: 204, headers: { 'Cache-Control': 'no-store' }, body: '' };

/** Problem documents of RFC 9457, with the `code` of the `TokenError`. */
export const nativeContract: Contract = {
  fail(failure: Failure): HttpAnswer {
    const { status, message, code, errcode } = failure;
    const problem = { type: 'about:blank', status, detail: message, code, errcode };
    return jsonAnswer(status, problem, { ...retryAfterOf(failure), 'Content-Type': 'application/problem+json' });
  },
};

/** Returns the routes of our own contract. */
export function nativeRoutes(context: RouteContext): readonly Route[] {
  const contract = nativeContract;
  const replacements = new TaskReplacements(context);
  return [
    {
      path: '/tokens',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract,
      answer: (call) => list(call, context),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract,
      answer: (call) => read(call, context),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['POST'],
      scope: 'register',
      changes: true,
      contract,
      answer: (call) => put(call, context),
    },
    {
      path: '/tokens/:appid/:type/refresh',
      methods: ['POST'],
      scope: 'refresh',
      changes: true,
      contract,
      answer: (call) => refresh(call, context),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['DELETE'],
      scope: 'register',
      changes: true,
      contract,
      answer: (call) => removeTask(call, context),
    },
    {
      path: '/apps/:appid',
      methods: ['PUT'],
      scope: 'register',
      changes: true,
      contract,
      answer: (call) => replace(call, replacements),
    },
    {
      path: '/apps/:appid',
      methods: ['DELETE'],
      scope: 'register',
      changes: true,
      contract,
      answer: (call) => remove(call, context),
    },
  ];
}

async function list(call: Call, { manager }: RouteContext): Promise<HttpAnswer> {
  const limit = limitIn(call.query('limit'));
  const appid = call.query('appid');
  if (appid !== undefined) call.require('read', appid);
  const tasks: TaskStatus[] = [];
  // One more than that tells whether there is another page.
  for await (const task of tasksIn(call, appid, limit + 1, manager)) {
    if (tasks.length === limit) return jsonAnswer(200, { tasks, after: tasks.at(-1)?.id });
    tasks.push(task);
  }
  return jsonAnswer(200, { tasks });
}

/** Yields the tasks for a caller. Where it may use only some apps, these are read one after another, and no others. */
async function* tasksIn(
  call: Call,
  appid: string | undefined,
  limit: number,
  manager: Manager,
): AsyncGenerator<TaskStatus> {
  const after = call.query('after');
  const type = call.query('type');
  const ofType = type === undefined ? {} : { type };
  const appids = appid === undefined ? call.appids : new Set([appid]);
  if (appids === undefined) {
    yield* manager.status({ ...ofType, limit, ...(after === undefined ? {} : { after }) });
    return;
  }
  const first = after?.split('/')[0] ?? '';
  for (const name of [...appids].toSorted()) {
    if (name < first) continue;
    yield* manager.status({
      ...ofType,
      limit,
      appid: name,
      ...(name === first && after !== undefined ? { after } : {}),
    });
  }
}

function limitIn(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw badRequest(`limit must be 1 to ${MAX_LIMIT}`);
  return limit;
}

async function read(call: Call, context: RouteContext): Promise<HttpAnswer> {
  const key = await keyIn(call, context);
  const { appid, type, options } = key;
  const record = await context.manager.getRecord(appid, type, options);
  const etag = etagOf(record);
  if (isAmong(etag, call.request.ifNoneMatch))
    return { ...DONE, status: 304, headers: { ...DONE.headers, ETag: etag } };
  return answerWith(key, record, context);
}

async function refresh(call: Call, context: RouteContext): Promise<HttpAnswer> {
  const key = await keyIn(call, context);
  const { appid, type, options } = key;
  const order = refreshOrderIn(await call.text());
  if (order === undefined) throw badRequest(`the body must be exactly ${AN_ORDER}`);
  await context.manager.refresh(appid, type, { ...options, ...order });
  const record = await context.manager.getRecord(appid, type, options);
  return answerWith(key, record, context);
}

/** Stores a grant. A caller who may register may not read, so the answer says how long the token lives, and not the token. */
async function put(call: Call, { manager, engine }: RouteContext): Promise<HttpAnswer> {
  const appid = call.param('appid');
  const type = call.param('type');
  if (!manager.hasType(type)) throw noSuchType();
  const options = subjectOptions(call.query('subject'));
  const grant = grantIn(await call.json());
  const { expiresAt, version } = await manager.put(appid, type, grant, options).catch((error: unknown) => {
    throw withWireNames(error);
  });
  const expires_in = secondsLeft(expiresAt, engine.clock.now());
  return jsonAnswer(200, { appid, type, ...options, expires_in, expires_at: expiresAt, version });
}

async function replace(call: Call, replacements: TaskReplacements): Promise<HttpAnswer> {
  await replacements.replace(registrationOf(call.param('appid'), await call.json()));
  return DONE;
}

async function remove(call: Call, { manager }: RouteContext): Promise<HttpAnswer> {
  await manager.unregister(call.param('appid'));
  return DONE;
}

async function removeTask(call: Call, { manager }: RouteContext): Promise<HttpAnswer> {
  const type = call.param('type');
  if (!manager.hasType(type)) throw noSuchType();
  await manager.unregister(call.param('appid'), type, subjectOptions(call.query('subject')));
  return DONE;
}

interface KeyInPath {
  readonly appid: string;
  readonly type: string;
  readonly options: { readonly subject?: string };
}

/** Checks that a subject is known: callers that may read must not have tokens fetched for names that they make up. */
async function keyIn(call: Call, { manager, engine }: RouteContext): Promise<KeyInPath> {
  const appid = call.param('appid');
  const type = call.param('type');
  if (!manager.hasType(type)) throw noSuchType();
  const options = subjectOptions(call.query('subject'));
  const { subject } = options;
  if (subject === undefined) return { appid, type, options };
  // Which throws for what is no key.
  if (manager.hasTask(appid, type, options)) return { appid, type, options };
  const key = tokenKey(appid, type, subject);
  const isKnown =
    (await engine.early.hasTask(key)) ||
    engine.records.cache.get(key) !== undefined ||
    (await engine.writer.read(key)).version > 0;
  if (isKnown) return { appid, type, options };
  throw new RouteFailure({ status: 404, message: 'nothing is registered or stored for this subject' });
}

function noSuchType(): RouteFailure {
  return new RouteFailure({ status: 404, message: 'there is no such token type' });
}

function subjectOptions(subject: string | undefined): { readonly subject?: string } {
  return subject === undefined ? {} : { subject };
}

function answerWith({ appid, type, options }: KeyInPath, record: TokenRecord, { engine }: RouteContext): HttpAnswer {
  const { value, expiresAt, version } = record;
  const expires_in = secondsLeft(expiresAt, engine.clock.now());
  const body = { appid, type, ...options, value, expires_in, expires_at: expiresAt, version };
  return jsonAnswer(200, body, { ETag: etagOf(record) });
}

/** Returns whether a header names the tag, as RFC 9110 has it for reading: in a list in which weak tags count as strong ones. */
function isAmong(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

function etagOf({ version }: TokenRecord): string {
  return `"${version}"`;
}
