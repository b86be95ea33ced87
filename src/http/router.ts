import type { Scope } from './access/api-key.js';
import type { Call } from './call.js';
import type { Failure } from './error-status.js';
import type { HttpAnswer } from './http-message.js';

/** How one group of routes speaks. */
export interface Contract {
  /** Anything that goes wrong, in this contract's own shape. */
  fail(failure: Failure): HttpAnswer;
}

/** One route of a contract. */
export interface Route {
  /** Segments; those that begin with `:` match anything and are its params. */
  readonly path: string;
  /** Absent: any. A path whose routes all want another method is a failure 405. */
  readonly methods?: readonly string[];
  /** What a caller must be allowed to do; `open` lets everybody in. */
  readonly scope: Scope | 'open';
  /** Where the secret of the app that the path names opens the route as well. */
  readonly opensWithSecret?: boolean;
  readonly contract: Contract;
  answer(call: Call): HttpAnswer | Promise<HttpAnswer>;
}

export interface Match {
  readonly route: Route;
  /** By name, decoded. */
  readonly params: ReadonlyMap<string, string>;
  /** `false`: the path is right and the method is not. */
  readonly allowsMethod: boolean;
}

interface Pattern {
  readonly route: Route;
  readonly segments: readonly string[];
}

/** Exact routes: every segment is literal or a param, nothing is normalised, and a trailing slash is another path. */
export class Router {
  readonly #byLength = new Map<number, Pattern[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const segments = route.path.split('/');
      const patterns = this.#byLength.get(segments.length);
      if (patterns === undefined) this.#byLength.set(segments.length, [{ route, segments }]);
      else patterns.push({ route, segments });
    }
  }

  match(method: string, path: string): Match | undefined {
    const segments = path.split('/');
    let found: Pattern | undefined;
    for (const pattern of this.#byLength.get(segments.length) ?? []) {
      if (!fits(pattern.segments, segments)) continue;
      if (pattern.route.methods?.includes(method) !== false) {
        return { route: pattern.route, params: paramsOf(pattern.segments, segments), allowsMethod: true };
      }
      found ??= pattern;
    }
    if (found === undefined) return undefined;
    return { route: found.route, params: paramsOf(found.segments, segments), allowsMethod: false };
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.every((expected, index) =>
    expected.startsWith(':') ? segments[index] !== '' : expected === segments[index],
  );
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  for (const [index, name] of pattern.entries()) {
    if (name.startsWith(':')) params.set(name.slice(1), decoded(segments[index] as string));
  }
  return params;
}

/** What is not encoded as it should be stays as it came: no name of ours has a `%`, so it is refused as a name. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
