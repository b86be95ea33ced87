import type { JsonObject } from '../../core/primitives/json.js';
import type { ArrivingBody } from '../../gateway/request-body.js';
import type { Scope } from '../access/api-key.js';
import type { Permission } from '../access/permission.js';
import { BodyRefused, type HttpRequest } from '../messages/http-message.js';
import type { PathParams } from './path-params.js';
import { fieldOf, jsonObjectIn } from './request-text.js';
import { badRequest, RouteFailure } from './route-failure.js';

/** Provides a route with its request and the caller's permission. */
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

  /** Returns a param of the route's path; `''` if there is none of that name. */
  param(name: string): string {
    return this.#params.get(name) ?? '';
  }

  /**
   * Returns the first value of a name in the query; `undefined` if there is none or it is empty.
   *
   * @throws RouteFailure for a value that is not encoded in UTF-8.
   */
  query(name: string): string | undefined {
    if (this.request.search === '') return undefined;
    this.#query ??= new URLSearchParams(this.request.search);
    return fieldOf(this.#query, name);
  }

  /**
   * Asserts that the caller has a permission.
   *
   * @throws RouteFailure if it does not.
   */
  require(scope: Scope, appid: string | undefined): void {
    const failure = this.#permission.refusal(scope, appid);
    if (failure !== undefined) throw new RouteFailure(failure);
  }

  /** Returns whether the caller has a permission. */
  may(scope: Scope, appid: string): boolean {
    return this.#permission.refusal(scope, appid) === undefined;
  }

  /** Returns the only apps that the caller may use; `undefined` for all. */
  get appids(): ReadonlySet<string> | undefined {
    return this.#permission.appids;
  }

  /** Returns the paths of WeChat's API that the caller may call; `undefined` for all. */
  get paths(): readonly string[] | undefined {
    return this.#permission.paths;
  }

  /** Returns the id of the caller's key; `undefined` if it has sent none. */
  get keyId(): string | undefined {
    return this.#permission.keyId;
  }

  /**
   * Returns the body as text.
   *
   * @throws RouteFailure for a body that is too large or did not arrive.
   */
  async text(): Promise<string> {
    try {
      return await this.request.body();
    } catch (error) {
      throw ofRefusedBody(error);
    }
  }

  /**
   * Returns the body as bytes that arrive; `undefined` without a body.
   *
   * @throws RouteFailure if the host has parsed the body and kept nothing of its bytes.
   */
  arrivingBody(): ArrivingBody | undefined {
    try {
      return this.request.arrivingBody();
    } catch (error) {
      throw ofRefusedBody(error);
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

function ofRefusedBody(error: unknown): unknown {
  return error instanceof BodyRefused ? new RouteFailure({ status: error.status, message: error.message }) : error;
}
