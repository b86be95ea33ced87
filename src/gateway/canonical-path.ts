/** One or more segments of letters, digits, `_`, `-` and single dots between them. */
const CANONICAL = /^(?:\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+$/;

/**
 * Returns whether a path has the only spelling that the gateway forwards: nothing in it can be decoded or normalized to
 * another path, and nothing can be read as a host.
 */
export function isCanonicalPath(path: string): boolean {
  return CANONICAL.test(path);
}

/** Returns the form of a canonical path in which paths are compared, because WeChat's paths are not case-sensitive. */
export function comparablePath(path: string): string {
  return path.toLowerCase();
}

/** Returns whether a comparable path is the given one or lies below it. */
export function isWithin(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}
