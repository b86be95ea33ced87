import { hash } from 'node:crypto';
import { join } from 'node:path';
import { assertId, assertPrefix } from '../document-id.js';

/*
 * This is the layout of documents below the root of a store. The document `key/wx1/access_token` has the directory
 * `key/<hash of wx1>.d/<hash of access_token>`; what lies below it, such as `key/wx1/access_token/openid`, is in the
 * container beside it, `key/<hash of wx1>.d/<hash of access_token>.d`. So the directory of a document holds a handful of
 * files however many documents there are: it is quick to read, and read in one go.
 */

/** The names of directories below the root, the outermost first. */
export type Path = readonly string[];

export const TEMPORARY_DIRECTORY = 'tmp';

const PLAIN_KIND = /^[a-z]{1,16}$/;
const HASH_DIGITS = 40;
const CONTAINER_SUFFIX = '.d';
const DOCUMENT_NAME = new RegExp(`^[0-9a-f]{${HASH_DIGITS}}$`);
const CONTAINER_NAME = new RegExp(`^[0-9a-f]{${HASH_DIGITS}}\\${CONTAINER_SUFFIX}$`);

export function documentPath(id: string): Path {
  assertId(id);
  const segments = id.split('/');
  return segments.map((segment, depth) => directoryName(segment, depth, depth < segments.length - 1));
}

/**
 * Returns the directory of the document with the id `prefix`, if there can be one, and the container of the documents
 * below it.
 */
export function prefixPaths(prefix: string): { readonly document: Path | undefined; readonly container: Path } {
  assertPrefix(prefix);
  const container = prefix.split('/').map((segment, depth) => directoryName(segment, depth, true));
  return { document: container.length > 1 ? documentPath(prefix) : undefined, container };
}

export function directoryOf(root: string, path: Path): string {
  return join(root, ...path);
}

/** Returns the directories on the way to `path`, each of which has an entry for the next one; the root comes first. */
export function ancestorsOf(root: string, path: Path): string[] {
  return path.map((_, depth) => directoryOf(root, path.slice(0, depth)));
}

export function isDocumentName(name: string): boolean {
  return DOCUMENT_NAME.test(name);
}

export function isContainerName(name: string): boolean {
  return CONTAINER_NAME.test(name);
}

/** Compares paths name by name, so that a document comes first, then the documents below it, and then its next sibling. */
export function comparePaths(left: Path, right: Path): number {
  for (const [depth, name] of left.entries()) {
    const other = right[depth];
    if (other === undefined) return 1;
    if (name !== other) return name < other ? -1 : 1;
  }
  return left.length - right.length;
}

function directoryName(segment: string, depth: number, hasMore: boolean): string {
  if (depth === 0) return PLAIN_KIND.test(segment) && segment !== TEMPORARY_DIRECTORY ? segment : hashOf(segment);
  return hasMore ? hashOf(segment) + CONTAINER_SUFFIX : hashOf(segment);
}

/**
 * Returns a hash of a segment, which is safe as a file name whatever the segment contains, even if file names are
 * case-insensitive.
 */
function hashOf(segment: string): string {
  return hash('sha256', segment).slice(0, HASH_DIGITS);
}
