import { isTokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { DamagedDocument, unseal } from './document-codec.js';

/**
 * The id of the document that identifies the history of the store. Earlier releases do not list documents of its kind,
 * so they ignore it.
 */
export const HISTORY_ID = 'store/~history';

/** The content of a state of the history. */
export interface HistoryContent {
  readonly id: string;
  /**
   * The history of which this one is a restored state, and those known to have followed that one; empty if this one is
   * not a restored state.
   */
  readonly from: readonly string[];
  /** The histories that the store is known to have had before, the oldest first. */
  readonly after: readonly string[];
  /** The instant at which the history began, in epoch milliseconds on the store's clock. */
  readonly since: number;
  /**
   * The ids of apps and tasks that were unregistered in this history, and the marks of those that were unregistered
   * before it.
   */
  readonly unregistered: readonly string[];
  /** The ids of apps and tasks that were registered in this history. */
  readonly registered: readonly string[];
  readonly unknown: JsonObject;
}

/** The random tags of the states of one history, by the version of its document. */
export type Tags = Readonly<Record<string, string>>;

/** A state of the history that is stored. */
export interface HistoryState extends HistoryContent {
  readonly version: number;
  /** The tag of this state; absent if none was written. */
  readonly tag: string | undefined;
  /** The tags of the states before this one. */
  readonly tags: Tags;
}

const MAX_TAGS = 100;

/** Returns whether the state that was found is the one that was seen last, or a later one of the same history. */
export function follows(found: HistoryState, seen: HistoryState): boolean {
  if (found.version < seen.version) return false;
  if (seen.tag === undefined) return true;
  if (found.version === seen.version) return found.tag === seen.tag;
  // An `EncryptedStore` that encrypts with another key writes a state again as it is, under a later version.
  const tags: Tags = found.tag === undefined ? found.tags : { ...found.tags, [found.version]: found.tag };
  const isWritten = Object.entries(tags).some(([version, tag]) => Number(version) >= seen.version && tag === seen.tag);
  // If the tag of the version that was seen last has been dropped since, the state counts as a later one.
  return isWritten || !Object.keys(found.tags).some((version) => Number(version) <= seen.version);
}

/**
 * Returns the tags to write with a state that replaces this version; none if the state does not follow from that
 * version.
 */
export function tagsBefore(content: HistoryContent | HistoryState, replaced: number): Tags {
  if (!('version' in content) || content.version !== replaced || content.tag === undefined) return {};
  const tags: [version: string, tag: string][] = Object.entries({ ...content.tags, [replaced]: content.tag });
  return Object.fromEntries(tags.sort(([left], [right]) => Number(left) - Number(right)).slice(-MAX_TAGS));
}

/** Returns the stored state of the history, or the reason why there is none. */
export function readHistory(document: StoredDocument): HistoryState | 'damaged' | 'unreadable' {
  try {
    const { id, from, after, since, unregistered, registered, tag, tags, ...unknown } = unseal(document);
    return {
      id: String(id),
      from: strings(from),
      after: strings(after),
      since: typeof since === 'number' ? since : 0,
      unregistered: strings(unregistered),
      registered: strings(registered),
      tag: typeof tag === 'string' ? tag : undefined,
      tags: isJsonObject(tags) ? (tags as Tags) : {},
      unknown,
      version: document.version,
    };
  } catch (error) {
    if (error instanceof DamagedDocument) return 'damaged';
    if (isTokenError(error)) return 'unreadable';
    throw error;
  }
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
