// #region move-store
import type { TokenStore } from 'wechat-token-manager';

/**
 * Copies what `from` remembers, refresh tokens included, to where it is not there yet. No process may use either meanwhile.
 *
 * @returns how many documents it has copied.
 */
export async function moveStore(from: TokenStore, to: TokenStore): Promise<number> {
  let copied = 0;
  for (const kind of ['task', 'app', 'key', 'delivery', 'limit']) {
    for await (const { id, data, due } of from.list(kind)) {
      const version = await to.set(id, data, 0, due === undefined ? {} : { due });
      if (version !== undefined) copied += 1;
    }
  }
  return copied;
}
// #endregion
