import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import type { ServerClient, ServerQuestion } from './server-client.js';

export interface ListedPage {
  /** The members of the list on this page, as the server has sent them. */
  readonly members: readonly JsonObject[];
  readonly answeredAt: number;
}

const PAGE = '500';

/**
 * Yields the pages of a list of a server; none if the server is of an earlier release, which lacks a new route.
 *
 * @param name - the field of the answers in which the list is.
 * @throws Error for an answer without the list.
 */
export async function* listedPages(
  server: ServerClient,
  question: Pick<ServerQuestion, 'path' | 'query' | 'isNew'>,
  name: string,
): AsyncGenerator<ListedPage> {
  let after: string | undefined;
  do {
    const { body, answeredAt } = await server.ask({ ...question, query: { ...question.query, limit: PAGE, after } });
    const page = body[name];
    if (!Array.isArray(page)) {
      if (question.isNew === true) return;
      throw new Error(`the server answered without ${name}`);
    }
    yield { members: page.filter(isJsonObject), answeredAt };
    const next = body['after'];
    // An empty page is the last one, even if the server names a next one.
    after = typeof next === 'string' && next !== after && page.length > 0 ? next : undefined;
  } while (after !== undefined);
}
