// #region events
import type { TokenManager } from 'wechat-token-manager';

/** Anything that counts and warns: prom-client, StatsD, your logger. */
export interface Monitor {
  count(name: string, labels: Readonly<Record<string, string>>): void;
  alert(message: string): void;
  resolve(name: string): void;
}

export function watchTokens(tokens: TokenManager, monitor: Monitor): void {
  tokens.on('refreshed', ({ appid, type, source }) => {
    monitor.count('wechat_token_refreshed', { appid, type, source });
  });
  tokens.on('refreshFailed', ({ appid, type, error, attempt, retryAt }) => {
    monitor.count('wechat_token_refresh_failed', { appid, type, code: error.code });
    const isUpToUs = !error.retryable && error.code === 'UPSTREAM_REJECTED';
    if (!isUpToUs && attempt < 10) return; // a passing failure: the old token is still served
    const whitelist = error.ip === undefined ? '' : `; put ${error.ip} on the IP whitelist`;
    const next = new Date(retryAt).toISOString();
    monitor.alert(`${appid} ${type}: ${error.message} (rid ${error.rid ?? '-'})${whitelist}; next attempt ${next}`);
  });
  tokens.on('recovered', ({ appid, type }) => monitor.resolve(`${appid} ${type}`));
  tokens.on('storeUnavailable', ({ error }) => monitor.alert(`the token store has failed: ${error.message}`));
  tokens.on('recordQuarantined', ({ id, quarantinedAs }) => monitor.alert(`${id} was damaged, see ${quarantinedAs}`));
  tokens.on('listenerFailed', ({ event }) => monitor.alert(`a listener of ${event} has thrown`));
}

/** Returns the tasks that need attention, for a health page. */
export async function ailingTasks(tokens: TokenManager): Promise<string[]> {
  const lines: string[] = [];
  for await (const { appid, type, state, lastError, reason, remedy } of tokens.status()) {
    if (state === 'waiting') lines.push(`${appid} ${type}: ${reason}. ${remedy}`);
    else if (state === 'expired' || state === 'missing')
      lines.push(`${appid} ${type}: ${state}, ${lastError?.message ?? ''}`);
  }
  return lines;
}
// #endregion
