import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { KEY_VARIABLE } from '../args/option.js';
import type { GivenValue, OptionValues } from '../args/option-values.js';
import { KEY_FILE, URL_OPTION } from '../args/options.js';
import { readWholeFile } from '../args/readable-file.js';
import { withoutStrays } from '../args/secret-input.js';
import { UsageError } from '../failures/usage-error.js';
import type { CommandIo } from '../io/command-io.js';
import { failureIn, failureToReach, noTokenServer } from './server-failure.js';

export interface ServerQuestion {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The segments of the path, not encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: JsonObject;
  /** Whether a server of an earlier release may lack the route. Its 404 is returned as an empty body. */
  readonly isNew?: boolean;
}

export interface ServerAnswer {
  /** The body of the answer; empty if the server has sent none. */
  readonly body: JsonObject;
  /** The time of the answer in whole seconds: the server's clock, or the local one if the answer has no date. */
  readonly answeredAt: number;
}

/** The timeout of a request. It is longer than a server needs to give up on WeChat. */
const TIMEOUT_MS = 60_000;
const MAX_BODY_BYTES = 8 * 1_024 * 1_024;
const KEY = /^[\x21-\x7e]{1,1024}$/;

class AnswerTooLong extends Error {}

/** Sends requests to a running server. */
export class ServerClient {
  readonly #base: URL;
  readonly #key: GivenValue | undefined;

  /** @throws UsageError for an invalid URL or key. */
  constructor(options: OptionValues, { env }: CommandIo) {
    this.#base = urlIn(options);
    this.#key = keyIn(options, env);
  }

  /**
   * Sends a request, and returns a successful answer.
   *
   * @throws Error with a message of one line that says what to do, for any other answer.
   */
  async ask(question: ServerQuestion): Promise<ServerAnswer> {
    const { origin } = this.#base;
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url(question), this.#request(question));
      text = await textOf(response);
    } catch (error) {
      if (error instanceof AnswerTooLong) throw noTokenServer(origin, `with more than ${MAX_BODY_BYTES} bytes`);
      throw failureToReach(origin, error, TIMEOUT_MS);
    }
    const body = parsed(text);
    const fail = (status: number): Error =>
      failureIn(origin, status, body, this.#key?.source, secretsIn(question, this.#key));
    if (question.isNew === true && response.status === 404) return { body: {}, answeredAt: Date.now() };
    if (!response.ok) throw fail(response.status);
    if (!isJsonObject(body)) throw noTokenServer(origin, 'with something other than JSON');
    // The older contracts always answer with status 200 and report the outcome in `code`.
    if (typeof body['code'] === 'number' && body['code'] !== 200) {
      throw fail(body['code']);
    }
    const date = Date.parse(response.headers.get('date') ?? '');
    return { body, answeredAt: Number.isNaN(date) ? Date.now() : date };
  }

  #url({ path, query = {} }: ServerQuestion): URL {
    const url = new URL(this.#base);
    const segments = path.map((segment) => `/${encodeURIComponent(segment)}`);
    url.pathname = url.pathname.replace(/\/+$/, '') + segments.join('');
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  #request({ method = 'GET', body }: ServerQuestion): RequestInit {
    const headers = {
      Accept: 'application/json',
      ...(this.#key !== undefined && { Authorization: `Bearer ${this.#key.text}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    };
    return {
      method,
      headers,
      // Redirects are not followed, because the request may carry a secret.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
  }
}

function urlIn(options: OptionValues): URL {
  const text = options.text(URL_OPTION) as string;
  const source = options.sourceOf(URL_OPTION);
  if (!URL.canParse(text)) throw new UsageError(`${source} must be an http or https URL like http://127.0.0.1:9001`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError(`${source} must be an http or https URL like http://127.0.0.1:9001`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(`${source} must not contain a key: set ${KEY_VARIABLE}, or use --key-file`);
  }
  if (url.search !== '' || url.hash !== '') throw new UsageError(`${source} must be a URL without a query`);
  return url;
}

function keyIn(options: OptionValues, env: NodeJS.ProcessEnv): GivenValue | undefined {
  const file = options.given(KEY_FILE);
  const key =
    file === undefined
      ? { source: KEY_VARIABLE, text: (env[KEY_VARIABLE] ?? '').trim() }
      : { source: file.source, text: readWholeFile(file).trim() };
  if (file === undefined && key.text === '') return undefined;
  withoutStrays(file === undefined ? key.source : `${key.source}: its content`, key.text);
  if (KEY.test(key.text)) return key;
  throw new UsageError(`${key.source} must contain an API key on one line, got ${key.text.length} characters`);
}

function secretsIn({ body }: ServerQuestion, key: GivenValue | undefined): readonly string[] {
  const sent = [key?.text, body?.['appsecret'], body?.['stale'], body?.['value'], body?.['refresh_token']];
  return sent.filter((secret) => typeof secret === 'string' && secret !== '') as string[];
}

/** Reads at most as much text as a page of tasks may have, so that a faulty server cannot exhaust the memory. */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new AnswerTooLong();
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function parsed(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
