// #region encrypted-store
import { EncryptedStore, FileStore, TokenManager } from 'wechat-token-manager';

/** @param keys - such as `process.env.WECHAT_TOKENS_KEYS`: the first one encrypts, every one decrypts. */
export function createTokens(directory: string, keys: string): TokenManager {
  const store = new EncryptedStore(new FileStore(directory), { keys: keys.split(',').map((key) => key.trim()) });
  return new TokenManager({ store });
}
// #endregion
