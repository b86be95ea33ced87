import { tokenKey } from '../../../core/model/token-key.js';
import type { TokenRecord } from '../../../core/model/token-record.js';
import { secondsLeft } from '../../../core/primitives/lifetime-left.js';
import { describeName } from '../../../core/primitives/redact.js';
import { TaskReplacements } from '../../../core/registry/task-replacements.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { assertKnownSubject } from '../../routing/known-subject.js';
import { problemDetails } from '../../routing/problem-details.js';
import { AN_ORDER, refreshOrderIn } from '../../routing/refresh-order.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest, RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import { appListing } from './app-listing.js';
import { removeApp } from './app-removal.js';
import { grantIn, withWireNames } from './native-grant.js';
import { registrationOf } from './native-registration.js';
import { taskListing } from './task-listing.js';

const DONE: HttpAnswer = { status: 204, headers: { 'Cache-Control': 'no-store' }, body: '' };

/** Creates the routes of the native contract. */
export function nativeRoutes(services: RouteServices): readonly Route[] {
  const contract = problemDetails;
  const replacements = new TaskReplacements(services.manager, services);
  return [
    {
      path: '/tokens',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract,
      answer: taskListing(services),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract,
      answer: (context) => read(context, services),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['POST'],
      scope: 'register',
      changes: true,
      contract,
      answer: (context) => put(context, services),
    },
    {
      path: '/tokens/:appid/:type/refresh',
      methods: ['POST'],
      scope: 'refresh',
      changes: true,
      contract,
      answer: (context) => refresh(context, services),
    },
    {
      path: '/tokens/:appid/:type',
      methods: ['DELETE'],
      scope: 'register',
      changes: true,
      contract,
      answer: (context) => removeTask(context, services),
    },
    {
      path: '/apps',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract,
      answer: appListing(services),
    },
    {
      path: '/apps/:appid',
      methods: ['PUT'],
      scope: 'register',
      changes: true,
      contract,
      answer: (context) => replace(context, replacements),
    },
    {
      path: '/apps/:appid',
      methods: ['DELETE'],
      scope: 'register',
      changes: true,
      contract,
      answer: (context) => remove(context, services),
    },
  ];
}

async function read(context: RequestContext, services: RouteServices): Promise<HttpAnswer> {
  const key = await keyIn(context, services);
  const { appid, type, options } = key;
  const record = await services.manager.getRecord(appid, type, options);
  await services.knownTokens.noteHandedOut(tokenKey(appid, type, options.subject), record);
  const etag = etagOf(record);
  if (isAmong(etag, context.request.ifNoneMatch))
    return { ...DONE, status: 304, headers: { ...DONE.headers, ETag: etag } };
  return answerWith(key, record, services);
}

async function refresh(context: RequestContext, services: RouteServices): Promise<HttpAnswer> {
  const key = await keyIn(context, services);
  const { appid, type, options } = key;
  const order = refreshOrderIn(await context.text());
  if (order === undefined) throw badRequest(`the body must be exactly ${AN_ORDER}`);
  await services.manager.refresh(appid, type, { ...options, ...order });
  const record = await services.manager.getRecord(appid, type, options);
  await services.knownTokens.noteHandedOut(tokenKey(appid, type, options.subject), record);
  return answerWith(key, record, services);
}

/**
 * Stores a grant. A caller with the scope `register` may lack `read`, so that the answer contains the lifetime but not
 * the token.
 */
async function put(context: RequestContext, { manager, clock, records }: RouteServices): Promise<HttpAnswer> {
  const appid = context.param('appid');
  const type = context.param('type');
  if (!manager.hasType(type)) throw noSuchType(type);
  const options = subjectOptions(context.query('subject'));
  const grant = grantIn(await context.json());
  const record = await manager.put(appid, type, grant, options).catch((error: unknown) => {
    throw withWireNames(error);
  });
  const expires_at = records.presentEndOf(tokenKey(appid, type, options.subject), record);
  const expires_in = secondsLeft(expires_at, clock.now());
  return jsonAnswer(200, { appid, type, ...options, expires_in, expires_at, version: record.version });
}

async function replace(context: RequestContext, replacements: TaskReplacements): Promise<HttpAnswer> {
  await replacements.replace(registrationOf(context.param('appid'), await context.json()));
  return DONE;
}

async function remove(context: RequestContext, services: RouteServices): Promise<HttpAnswer> {
  await removeApp(context, services);
  return DONE;
}

async function removeTask(context: RequestContext, { manager }: RouteServices): Promise<HttpAnswer> {
  const type = context.param('type');
  if (!manager.hasType(type)) throw noSuchType(type);
  await manager.unregister(context.param('appid'), type, subjectOptions(context.query('subject')));
  return DONE;
}

interface KeyInPath {
  readonly appid: string;
  readonly type: string;
  readonly options: { readonly subject?: string };
}

/** Returns the key in the path, whose subject must be known. */
async function keyIn(context: RequestContext, services: RouteServices): Promise<KeyInPath> {
  const appid = context.param('appid');
  const type = context.param('type');
  if (!services.manager.hasType(type)) throw noSuchType(type);
  const options = subjectOptions(context.query('subject'));
  const { subject } = options;
  if (subject !== undefined) await assertKnownSubject({ appid, type, subject }, services);
  return { appid, type, options };
}

function noSuchType(type: string): RouteFailure {
  return new RouteFailure({ status: 404, message: `unknown token type ${describeName(type)}` });
}

function subjectOptions(subject: string | undefined): { readonly subject?: string } {
  return subject === undefined ? {} : { subject };
}

function answerWith(key: KeyInPath, record: TokenRecord, { clock, records }: RouteServices): HttpAnswer {
  const { appid, type, options } = key;
  const { value, version } = record;
  const expires_at = records.presentEndOf(tokenKey(appid, type, options.subject), record);
  const expires_in = secondsLeft(expires_at, clock.now());
  const body = { appid, type, ...options, value, expires_in, expires_at, version };
  return jsonAnswer(200, body, { ETag: etagOf(record) });
}

/**
 * Returns whether the header contains the tag. As RFC 9110 specifies for GET, it is a list in which weak tags count as
 * strong ones.
 */
function isAmong(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

function etagOf({ version }: TokenRecord): string {
  return `"${version}"`;
}
