import type { RouteAccess } from '../access/route-access.js';
import type { Failure } from '../messages/error-status.js';
import type { HttpAnswer, HttpRequest } from '../messages/http-message.js';
import { type ParamPlace, ParamsInSegments, type PathParams } from './path-params.js';
import type { RequestContext } from './request-context.js';

/** The format in which a group of routes reports failures. */
export interface Contract {
  /** Returns the answer for a failure, in the format of this contract. */
  fail(failure: Failure): HttpAnswer;
}

/** A route of a contract. */
export interface Route extends RouteAccess {
  /**
   * The path. Segments that begin with `:` match any text and are its params. The segment `*` at the end matches one or more
   * segments of any text.
   */
  readonly path: string;
  /** The methods of the route; absent for all. A path that exists only with other methods results in a 405. */
  readonly methods?: readonly string[];
  readonly contract: Contract;
  /** Returns whether a request is for this route at all; absent for all that match. Others count as requests of no route. */
  accepts?(request: HttpRequest): boolean;
  answer(context: RequestContext): HttpAnswer | Promise<HttpAnswer>;
}

export interface Match {
  readonly route: Route;
  readonly params: PathParams;
  /** The methods that the path allows, if it does not allow the method of the request. */
  readonly allowed?: readonly string[];
}

interface Pattern {
  readonly route: Route;
  /** The literal segments, `undefined` in the place of a param. */
  readonly segments: readonly (string | undefined)[];
  readonly params: readonly ParamPlace[];
  /** Whether further segments may follow the first one after `segments`. */
  readonly isOpen: boolean;
}

/** Matches paths exactly: each segment is literal or a param, nothing is normalized, and a trailing slash makes another path. */
export class Router {
  readonly #byLength = new Map<number, Pattern[]>();
  /** The patterns that match paths of any length. They are tried after the others, the ones with more segments first. */
  readonly #open: Pattern[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const pattern = patternOf(route);
      if (pattern.isOpen) {
        this.#open.push(pattern);
        continue;
      }
      const { length } = pattern.segments;
      const patterns = this.#byLength.get(length);
      if (patterns === undefined) this.#byLength.set(length, [pattern]);
      else patterns.push(pattern);
    }
    this.#open.sort((one, other) => other.segments.length - one.segments.length);
  }

  match(method: string, path: string): Match | undefined {
    const segments = path.split('/');
    const exact = this.#byLength.get(segments.length) ?? NONE;
    return matchOf(exact, method, segments) ?? matchOf(this.#open, method, segments);
  }
}

function matchOf(patterns: readonly Pattern[], method: string, segments: readonly string[]): Match | undefined {
  for (const pattern of patterns) {
    if (pattern.route.methods?.includes(method) === false || !fits(pattern, segments)) continue;
    return { route: pattern.route, params: new ParamsInSegments(pattern.params, segments) };
  }
  const others = patterns.filter((pattern) => fits(pattern, segments));
  const [other] = others;
  if (other === undefined) return undefined;
  const allowed = new Set(others.flatMap(({ route }) => route.methods ?? []));
  return { route: other.route, params: new ParamsInSegments(other.params, segments), allowed: [...allowed] };
}

const NONE: readonly Pattern[] = [];

function patternOf(route: Route): Pattern {
  const isOpen = route.path.endsWith('/*');
  const named = (isOpen ? route.path.slice(0, -'/*'.length) : route.path).split('/');
  const params = named.flatMap((name, index) => (name.startsWith(':') ? [{ name: name.slice(1), index }] : []));
  return { route, segments: named.map((name) => (name.startsWith(':') ? undefined : name)), params, isOpen };
}

function fits({ segments: expected, isOpen }: Pattern, segments: readonly string[]): boolean {
  if (isOpen && segments.length <= expected.length) return false;
  for (let index = 0; index < expected.length; index++) {
    const literal = expected[index];
    if (literal === undefined ? segments[index] === '' : segments[index] !== literal) return false;
  }
  return true;
}
