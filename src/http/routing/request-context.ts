import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { isLossy } from '../../core/primitives/utf8-text.js';
import type { Scope } from '../access/api-key.js';
import type { Failure } from '../messages/error-status.js';
import { BodyRefused, type HttpRequest } from '../messages/http-message.js';
import type { PathParams } from './path-params.js';

/** Reports that a route cannot answer, for a reason that the caller is told. */
export class RouteFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The permissions of a caller. */
export interface Permission {
  /** The only apps that it may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** The id of the key that it was let in by; `undefined` without one. */
  readonly keyId: string | undefined;
  /** Returns why it may not use a scope on an app; `undefined` when it may. */
  refusal(scope: Scope, appid: string | undefined): Failure | undefined;
}

/** Carries one request through a route. */
export class RequestContext {
  readonly request: HttpRequest;
  readonly #params: PathParams;
  readonly #permission: Permission;
  #query: URLSearchParams | undefined;

  constructor(request: HttpRequest, params: PathParams, permission: Permission) {
    this.request = request;
    this.#params = params;
    this.#permission = permission;
  }

  /** Returns a param of the route's path; '' where it has none of that name. */
  param(name: string): string {
    return this.#params.get(name) ?? '';
  }

  /**
   * Returns the first value of a name in the query; `undefined` without one, or an empty one.
   *
   * @throws RouteFailure for one in another encoding than UTF-8.
   */
  query(name: string): string | undefined {
    if (this.request.search === '') return undefined;
    this.#query ??= new URLSearchParams(this.request.search);
    return fieldOf(this.#query, name);
  }

  /**
   * @throws RouteFailure for a caller who may not do this.
   */
  require(scope: Scope, appid: string | undefined): void {
    const failure = this.#permission.refusal(scope, appid);
    if (failure !== undefined) throw new RouteFailure(failure);
  }

  /** Returns the only apps that the caller may use; `undefined` for all. */
  get appids(): ReadonlySet<string> | undefined {
    return this.#permission.appids;
  }

  /** Returns the id of the caller's key; `undefined` for a caller that was let in without. */
  get keyId(): string | undefined {
    return this.#permission.keyId;
  }

  /**
   * @throws RouteFailure for a body that is too large, or that the connection has not brought.
   */
  async text(): Promise<string> {
    try {
      return await this.request.body();
    } catch (error) {
      if (error instanceof BodyRefused) throw new RouteFailure({ status: error.status, message: error.message });
      throw error;
    }
  }

  /**
   * Returns the body as a JSON object.
   *
   * @throws RouteFailure for any other body.
   */
  async json(): Promise<JsonObject> {
    const text = await this.text();
    if (text === '') throw badRequest('the body is empty; a JSON object is expected');
    return jsonObjectIn(text);
  }
}

/**
 * Returns the first value of a name in a query or a form; `undefined` without one, or an empty one.
 *
 * @throws RouteFailure for one in another encoding than UTF-8, which would be taken for another value.
 */
export function fieldOf(fields: URLSearchParams, name: string): string | undefined {
  const value = fields.get(name) || undefined;
  if (value !== undefined && isLossy(value)) throw badRequest(`${name} must be encoded in UTF-8`);
  return value;
}

/**
 * @throws RouteFailure for text that is not a JSON object.
 */
export function jsonObjectIn(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('the body is not JSON');
  }
  if (!isJsonObject(value)) throw badRequest('the body must be a JSON object');
  return value;
}

export function badRequest(message: string): RouteFailure {
  return new RouteFailure({ status: 400, message });
}
