import type { JsonObject } from '../../../src/core/primitives/json.js';
import { seal } from '../../../src/core/store/document-codec.js';
import type { TokenStore } from '../../../src/index.js';

/** Replaces the content of a document, as another process would. */
export async function putContent(
  store: TokenStore,
  id: string,
  content: JsonObject,
  options?: Parameters<TokenStore['set']>[3],
): Promise<number> {
  const [before] = await store.get([id]);
  return (await store.set(id, seal(id, content), before?.version ?? 0, options)) as number;
}
