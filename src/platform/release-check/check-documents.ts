import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { seal, unseal } from '../../core/store/document-codec.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import type { AuthorizationKey } from '../authorizations/authorization-documents.js';
import { exclusively } from '../work/exclusively.js';

/** The code of an authorization that WeChat's check has sent as a message. */
export interface CheckCodeKey extends AuthorizationKey {
  readonly codeHash: string;
}

/** A message that WeChat's check expects after a code. */
export interface OwedAnswer {
  /** The user who sent the code, by `openid`. */
  readonly user: string;
  readonly code: string;
  /** The token that the code was exchanged for. It is used for this message alone. */
  readonly token?: string | undefined;
}

/** The state of a code. */
export interface CheckCode {
  /** `undefined` if the message was sent or given up. A repetition of the code then changes nothing. */
  readonly owed: OwedAnswer | undefined;
  /** The instant at which the code ends, in epoch milliseconds. */
  readonly endsAt: number;
}

const KIND = 'check';

/** Reads and writes the documents of the codes of WeChat's check, each of which exists until the code ends. */
export class CheckDocuments {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #now: () => number;

  constructor(store: SupervisedStore, reader: DocumentReader, now: () => number) {
    this.#store = store;
    this.#reader = reader;
    this.#now = now;
  }

  /** Reads a code and the version of its document; returns `undefined` if there is none. */
  async read(key: CheckCodeKey): Promise<(CheckCode & { readonly version: number }) | undefined> {
    const [document] = await this.#store.get([idOf(key)]);
    return this.#reader.read(document, (found) => {
      const code = found && codeIn(unseal(found));
      return found && code && { ...code, version: found.version };
    });
  }

  /** Yields the codes for which a message is owed, and those whose documents are to be removed. */
  async *pending(): AsyncIterable<CheckCodeKey> {
    for await (const document of this.#store.list(KIND)) {
      const code = await this.#reader.read(document, (found) => found && codeIn(unseal(found)));
      const [, component, authorizer, codeHash] = document.id.split('/');
      if (code === undefined || component === undefined || authorizer === undefined || codeHash === undefined) continue;
      if (code.owed !== undefined || code.endsAt <= this.#now()) yield { component, authorizer, codeHash };
    }
  }

  /**
   * Writes what is known of a code.
   *
   * @param version - the version of the document that is replaced; 0 for none.
   * @returns the new version; `undefined` if another process was faster.
   */
  save(key: CheckCodeKey, { owed, endsAt }: CheckCode, version: number): Promise<number | undefined> {
    const content: JsonObject = { endsAt, ...(owed !== undefined && { owed: ownFields(owed) }) };
    return this.#store.set(idOf(key), seal(idOf(key), content), version);
  }

  /** Removes a code; returns `false` if another process has changed it. */
  delete(key: CheckCodeKey, version: number): Promise<boolean> {
    return this.#store.delete(idOf(key), version);
  }

  /** Runs work that one process of the fleet does at a time; returns `undefined` while another process does it. */
  exclusively<Result>(key: CheckCodeKey, leaseMs: number, work: () => Promise<Result>): Promise<Result | undefined> {
    return exclusively(this.#store, idOf(key), leaseMs, work);
  }
}

function idOf({ component, authorizer, codeHash }: CheckCodeKey): string {
  return `${KIND}/${component}/${authorizer}/${codeHash}`;
}

function ownFields({ user, code, token }: OwedAnswer): JsonObject {
  return { user, code, ...(token !== undefined && { token }) };
}

function codeIn({ endsAt, owed }: JsonObject): CheckCode | undefined {
  if (typeof endsAt !== 'number') return undefined;
  return { endsAt, owed: isJsonObject(owed) ? owedIn(owed) : undefined };
}

function owedIn({ user, code, token }: JsonObject): OwedAnswer | undefined {
  if (typeof user !== 'string' || typeof code !== 'string') return undefined;
  return { user, code, ...(typeof token === 'string' && { token }) };
}
