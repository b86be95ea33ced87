import type { Clock } from '../../../core/concurrency/clock.js';
import { engineOf } from '../../../core/engine/engine-of.js';
import type { TokenError } from '../../../core/model/errors.js';
import type { TokenEvent, TokenManagerEvents } from '../../../core/model/events.js';
import { keyId, type TokenKey, tokenKey } from '../../../core/model/token-key.js';
import { TICKETS_STOPPED } from '../../../core/model/waiting-texts.js';
import { isError } from '../../../core/primitives/foreign-objects.js';
import { ticketKey, VERIFY_TICKET } from '../../../core/pushes/platform-tasks.js';
import type { Registry } from '../../../core/registry/registry.js';
import type { Peers } from '../../../http/access/peers.js';
import type { TokenManager } from '../../../token-manager.js';
import { LineLimit } from './line-limit.js';
import type { Log, LogFields, LogLevel } from './log.js';
import { remedyOf, remedyOfDelivery } from './remedies.js';
import { type Failure, TroubleGroups } from './trouble-groups.js';

/** The codes of failures that concern a network or a store and not a particular key. */
const WITHOUT_ROOT: ReadonlySet<string> = new Set(['UPSTREAM_UNAVAILABLE', 'STORE_UNAVAILABLE', 'TIMEOUT']);

/**
 * Logs the events of a manager, without secrets. Failures are grouped and limited in number; every other event has a line
 * of its own.
 */
export function logEvents(manager: TokenManager, log: Log): void {
  // The times of the next attempts are on the clock of the store, which may be another machine's.
  const { clock, records, registry, tickets } = engineOf(manager);
  const lines = new LineLimit(log, clock);
  const groups = new TroubleGroups((level, message, fields) => lines.write(level, message, fields), clock);
  manager.on('refreshed', ({ source, reason, record, ...key }) => {
    // A token that another process has refreshed is in the log of that process.
    if (source !== 'store') log.info('refreshed', { ...named(key), source, reason, expiresAt: iso(record.expiresAt) });
  });
  manager.on('refreshFailed', ({ error, attempt, retryAt, ...key }) => {
    const failure = failureOf('warn', 'refreshFailed', key, error, { attempt, retryAt });
    groups.failed({ ...failure, isOver: untilRemoved(registry, keyOf(key)) });
    if (error.code === 'REAUTHORIZATION_REQUIRED') groups.renew('reauthorizationRequired', keyId(keyOf(key)), retryAt);
  });
  manager.on('reauthorizationRequired', ({ error, ...key }) => {
    const failure = failureOf('error', 'reauthorizationRequired', key, error);
    groups.failed({ ...failure, isOver: untilRemoved(registry, keyOf(key)) });
  });
  manager.on('recovered', (event) => {
    const key = keyId(keyOf(event));
    groups.recovered('refreshFailed', key);
    groups.recovered('reauthorizationRequired', key);
  });
  manager.on('deliveryFailed', ({ error, attempt, retryAt, ...key }) => {
    const failure = failureOf('warn', 'deliveryFailed', key, error, { attempt, retryAt });
    // A target that was given up is notified of the next token, which comes before the current one expires.
    const nextAt = retryAt ?? records.cache.get(keyOf(key))?.expiresAt;
    const isOver = (): boolean => registry.task(keyOf(key))?.notify === undefined;
    groups.failed({ ...failure, retryAt: nextAt, isOver });
  });
  manager.on('delivered', (event) => groups.recovered('deliveryFailed', keyId(keyOf(event))));
  manager.on('authorized', ({ component, authorizer }) => log.info('authorized', { component, authorizer }));
  manager.on('unauthorized', ({ component, authorizer }) => log.info('unauthorized', { component, authorizer }));
  manager.on('verifyTicketMissing', (event) => groups.failed(silenceOf(event)));
  tickets.listen({
    silenceEnded(appid, why) {
      const key = keyId(ticketKey(appid));
      if (why === 'recovered') groups.recovered('verifyTicketMissing', key);
      else groups.gone('verifyTicketMissing', key);
    },
  });
  manager.on('recordQuarantined', ({ id, version, quarantinedAs }) => {
    log.error('recordQuarantined', { id, version, quarantinedAs });
  });
}

/**
 * Logs when the store fails and recovers. These lines have a limit of their own, so that failures of keys cannot suppress
 * them, and a store that fails and recovers many times a second cannot fill the log.
 *
 * @returns a function that begins the logging, with a failure that has lasted since before. It is called once the server has
 *   started: a store that prevents the start is the reason given for that, and is reported once.
 */
export function logStore(manager: TokenManager, log: Log, clock: Clock): () => void {
  const lines = new LineLimit(log, clock);
  let failure: TokenError | undefined;
  let hasBegun = false;
  const tell = (error: TokenError): void => lines.write('error', 'storeUnavailable', told(error));
  manager.on('storeUnavailable', ({ error }) => {
    failure = error;
    if (hasBegun) tell(error);
  });
  manager.on('storeAvailable', () => {
    if (hasBegun && failure !== undefined) lines.write('info', 'storeAvailable', {});
    failure = undefined;
  });
  return () => {
    hasBegun = true;
    if (failure !== undefined) tell(failure);
    manager.on('storeReplaced', ({ replacement }) => log.warn('storeReplaced', { replacement }));
  };
}

/** Logs which peers are refused: the first time, when the limit is reached, and every ten minutes while it continues. */
export function logRefused({ refused }: Peers, log: Log): void {
  refused.onReport = ({ peer, reason, count, suppressed }) => {
    log.warn('refused', { peer, reason, count, suppressed: suppressed === 0 ? undefined : suppressed });
  };
}

/** Returns the missing ticket of a platform as a failure, which lasts until a ticket has come. */
function silenceOf({ component, since }: TokenManagerEvents['verifyTicketMissing']): Failure {
  const key = keyId(ticketKey(component));
  const { reason, remedy } = TICKETS_STOPPED;
  return {
    message: 'verifyTicketMissing',
    level: 'warn',
    code: undefined,
    errcode: undefined,
    key,
    type: VERIFY_TICKET,
    root: key,
    rootType: VERIFY_TICKET,
    retryAt: Number.POSITIVE_INFINITY,
    facts: { appid: component, error: reason, since: iso(since), remedy },
  };
}

/** Returns a function that returns whether the task of a key, or the app if the key has no task, has been unregistered since. */
function untilRemoved(registry: Pick<Registry, 'task' | 'hasApp'>, key: TokenKey): () => boolean {
  const hadTask = registry.task(key) !== undefined;
  return () => (hadTask ? registry.task(key) === undefined : !registry.hasApp(key.appid));
}

interface Attempt {
  readonly attempt: number;
  readonly retryAt: number | undefined;
}

function failureOf(
  level: LogLevel,
  message: string,
  event: TokenEvent,
  error: TokenError,
  { attempt, retryAt }: Partial<Attempt> = { retryAt: error.retryAt },
): Failure {
  const { code, errcode } = error;
  const key = keyOf(event);
  const root = rootOf(key, error);
  return {
    message,
    level,
    code,
    errcode,
    key: keyId(key),
    type: key.type,
    root: root && keyId(root),
    rootType: root?.type,
    retryAt,
    facts: { ...named(event), ...told(error), remedy: remedyFor(message, error), attempt, retryAt: iso(retryAt) },
  };
}

function remedyFor(message: string, error: TokenError): string | undefined {
  return message === 'deliveryFailed' ? remedyOfDelivery(error) : remedyOf(error);
}

/** Returns the key that caused the failure, which differs from `key` if a dependency has failed. */
function rootOf(key: TokenKey, { code, errcode, appid, type, subject }: TokenError): TokenKey | undefined {
  if (errcode === undefined && WITHOUT_ROOT.has(code)) return undefined;
  return appid === undefined || type === undefined ? key : tokenKey(appid, type, subject);
}

function keyOf({ appid, type, subject }: TokenEvent): TokenKey {
  return tokenKey(appid, type, subject);
}

function named({ appid, type, subject }: TokenEvent): LogFields {
  return { appid, type, subject };
}

function told({ code, message, errcode, rid, ip, cause }: TokenError): LogFields {
  const because = isError(cause) && cause.message !== message ? cause.message : undefined;
  return { code, error: message, cause: because, errcode, rid, ip };
}

function iso(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
