import type { Task } from '../tasks/task.js';
import { failureIn, type RequestFailure, unreachable } from './request-failure.js';
import type { ServerClock } from './server-clock.js';

const PAGE_SIZE = 500;
const AUTHORIZERS_AT_ONCE = 100;
const LIST_TIMEOUT_MS = 15_000;
const REFRESH_TIMEOUT_MS = 60_000;

/** The limit of tasks and of apps that are read. More would be too many to look through, and a load for the server at every poll. */
export const MAX_TASKS = 10_000;

export type Answer<Value> = { readonly value: Value } | { readonly failure: RequestFailure };

export interface TaskList {
  readonly tasks: readonly Task[];
  readonly isTruncated: boolean;
}

/** An API key without its hash and its secret part. */
export interface ApiKeyUse {
  readonly id: string;
  readonly note?: string;
  readonly scopes: readonly string[];
  readonly createdAt?: number;
  readonly expiresAt?: number;
  readonly lastUsedAt?: number;
}

/** An app to which WeChat pushes, without its secrets. */
export interface PushedApp {
  readonly appid: string;
  readonly push?: { readonly mode: 'encrypted' | 'plain'; readonly keys: number; readonly lastPushAt?: number };
  readonly verifyTicket?: { readonly obtainedAt?: number; readonly missing: boolean };
}

/** An account that has authorized a platform, as `GET /platform/:appid/authorizers` shows it. */
export interface Authorizer {
  readonly appid: string;
  readonly state: 'authorized' | 'unauthorized' | 'needsAuthorization';
  readonly since: number;
  readonly name?: string;
  readonly kind?: 'officialAccount' | 'miniProgram';
  readonly permissions?: readonly number[];
}

export interface AuthorizerPage {
  readonly authorizers: readonly Authorizer[];
  /** The place where the next page begins; absent on the last one. */
  readonly after?: string;
}

/** The routes of the server that the page uses. */
export interface Api {
  /** Sets the key for the following requests. It is stored nowhere else. */
  useKey(key: string | undefined): void;
  tasks(): Promise<Answer<TaskList>>;
  keys(): Promise<Answer<readonly ApiKeyUse[]>>;
  pushedApps(): Promise<Answer<readonly PushedApp[]>>;
  /** Reads a page of the accounts that have authorized a platform. */
  authorizers(platform: string, after: string | undefined): Promise<Answer<AuthorizerPage>>;
  refresh(task: Task): Promise<Answer<undefined>>;
}

/**
 * Creates the client of the routes.
 *
 * @param base - the URL of the routes, with a slash at its end.
 */
export function serverApi(base: string, clock: ServerClock): Api {
  let key: string | undefined;

  async function ask(path: string, timeoutMs: number, init: RequestInit = {}): Promise<Response> {
    const sentAt = Date.now();
    const headers = new Headers(init.headers);
    // A page of another origin cannot send this header. Over plain HTTP to a name, browsers send nothing else that tells
    // the origin of a request.
    headers.set('X-Wechat-Tokens-Page', '1');
    if (key !== undefined) headers.set('Authorization', `Bearer ${key}`);
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(base + path, { ...init, headers, signal, cache: 'no-store' });
    clock.learn(response.headers.get('Date'), sentAt, Date.now());
    return response;
  }

  async function tasks(): Promise<Answer<TaskList>> {
    const found: Task[] = [];
    let after: string | undefined;
    do {
      const response = await ask(`tokens?${pageQuery(PAGE_SIZE, after)}`, LIST_TIMEOUT_MS);
      if (!response.ok) return { failure: await failureIn(response) };
      const page: { readonly tasks: readonly Task[]; readonly after?: string } = await response.json();
      found.push(...page.tasks);
      after = page.after;
    } while (after !== undefined && found.length < MAX_TASKS);
    return { value: { tasks: found, isTruncated: after !== undefined } };
  }

  async function keys(): Promise<Answer<readonly ApiKeyUse[]>> {
    const response = await ask('keys', LIST_TIMEOUT_MS);
    if (!response.ok) return { failure: await failureIn(response) };
    const { keys: value }: { readonly keys: readonly ApiKeyUse[] } = await response.json();
    return { value };
  }

  async function pushedApps(): Promise<Answer<readonly PushedApp[]>> {
    const found: PushedApp[] = [];
    let after: string | undefined;
    let seen = 0;
    do {
      const response = await ask(`apps?${pageQuery(PAGE_SIZE, after)}`, LIST_TIMEOUT_MS);
      if (!response.ok) return { failure: await failureIn(response) };
      const page: { readonly apps: readonly PushedApp[]; readonly after?: string } = await response.json();
      found.push(...page.apps.filter(({ push, verifyTicket }) => push !== undefined || verifyTicket !== undefined));
      seen += page.apps.length;
      after = page.after;
    } while (after !== undefined && seen < MAX_TASKS);
    return { value: found };
  }

  async function authorizers(platform: string, after: string | undefined): Promise<Answer<AuthorizerPage>> {
    const path = `platform/${encodeURIComponent(platform)}/authorizers`;
    const response = await ask(`${path}?${pageQuery(AUTHORIZERS_AT_ONCE, after)}`, LIST_TIMEOUT_MS);
    if (!response.ok) return { failure: await failureIn(response) };
    return { value: await response.json() };
  }

  async function refresh({ appid, type, subject }: Task): Promise<Answer<undefined>> {
    const query = subject === undefined ? '' : `?${new URLSearchParams({ subject })}`;
    const path = `tokens/${encodeURIComponent(appid)}/${encodeURIComponent(type)}/refresh${query}`;
    const response = await ask(path, REFRESH_TIMEOUT_MS, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"force":true}',
    });
    if (!response.ok) return { failure: await failureIn(response, type) };
    // The answer contains the token, which the page does not need.
    await response.body?.cancel();
    return { value: undefined };
  }

  return {
    useKey(next) {
      key = next;
    },
    tasks: () => tasks().catch(unreachable),
    keys: () => keys().catch(unreachable),
    pushedApps: () => pushedApps().catch(unreachable),
    authorizers: (platform, after) => authorizers(platform, after).catch(unreachable),
    refresh: (task) => refresh(task).catch(unreachable),
  };
}

function pageQuery(limit: number, after: string | undefined): URLSearchParams {
  return new URLSearchParams({ limit: String(limit), ...(after === undefined ? {} : { after }) });
}
