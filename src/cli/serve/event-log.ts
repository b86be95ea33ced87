import type { TokenError } from '../../core/errors.js';
import type { TokenEvent } from '../../core/events.js';
import { isError } from '../../core/foreign-objects.js';
import type { Peers } from '../../http/access/peers.js';
import type { TokenManager } from '../../token-manager.js';
import type { Log, LogFields } from './log.js';

/** Tells the log what a manager tells its listeners, without anything that is worth stealing. */
export function logEvents(manager: TokenManager, log: Log): void {
  manager.on('refreshed', ({ source, reason, record, ...key }) => {
    // What another process has refreshed is in that one's log.
    if (source !== 'store') log.info('refreshed', { ...named(key), source, reason, expiresAt: iso(record.expiresAt) });
  });
  manager.on('refreshFailed', ({ error, attempt, retryAt, ...key }) => {
    log.warn('refreshFailed', { ...named(key), ...told(error), attempt, retryAt: iso(retryAt) });
  });
  manager.on('reauthorizationRequired', ({ error, ...key }) => {
    log.error('reauthorizationRequired', { ...named(key), ...told(error) });
  });
  manager.on('deliveryFailed', ({ error, attempt, retryAt, ...key }) => {
    log.warn('deliveryFailed', { ...named(key), ...told(error), attempt, retryAt: iso(retryAt) });
  });
  manager.on('recordQuarantined', ({ id, version, quarantinedAs }) => {
    log.error('recordQuarantined', { id, version, quarantinedAs });
  });
}

/** Apart, because a store that fails while the server starts is why it does not, and that is said once. */
export function logStore(manager: TokenManager, log: Log): void {
  manager.on('storeUnavailable', ({ error }) => log.error('storeUnavailable', told(error)));
  manager.on('storeAvailable', () => log.info('storeAvailable'));
  manager.on('storeReplaced', ({ replacement }) => log.warn('storeReplaced', { replacement }));
}

/** Tells the log who is refused: at first, when the limit is reached, and every ten minutes while it goes on. */
export function logRefused({ refused }: Peers, log: Log): void {
  refused.onReport = ({ peer, reason, count, suppressed }) => {
    log.warn('refused', { peer, reason, count, suppressed: suppressed === 0 ? undefined : suppressed });
  };
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
