import { TokenError, type TokenErrorCode } from '../../core/model/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/primitives/json.js';
import { seal, unseal } from '../../core/store/document-codec.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { numberIn, textIn } from '../authorizations/answer-fields.js';
import type { AuthorizerRecovery } from '../authorizers/recover-authorizers.js';

/** The error with which a recovery has ended. */
export interface RecoveryFailure {
  /** The code of a `TokenError`; absent for a defect. */
  readonly code?: string | undefined;
  readonly message: string;
  readonly errcode?: number | undefined;
}

/** A recovery of the authorizers of a platform, as every process can read it. */
export interface Recovery extends AuthorizerRecovery {
  /** The id of the run, by which the process that makes it knows it again. */
  readonly id: string;
  readonly state: 'running' | 'done' | 'failed' | 'interrupted';
  /** The instants in epoch milliseconds. */
  readonly startedAt: number;
  /** The instant at which the process that makes it was alive. */
  readonly seenAt: number;
  readonly endedAt?: number | undefined;
  readonly failure?: RecoveryFailure | undefined;
}

/** A version of 0 means that there is no document. */
export interface StoredRecovery {
  readonly recovery: Recovery | undefined;
  readonly version: number;
}

const STATES: ReadonlySet<unknown> = new Set(['running', 'done', 'failed', 'interrupted']);

/** Reads and writes the documents of recoveries: one for each platform. */
export class RecoveryDocuments {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;

  constructor(store: SupervisedStore, reader: DocumentReader) {
    this.#store = store;
    this.#reader = reader;
  }

  async read(component: string): Promise<StoredRecovery> {
    const [document] = await this.#store.get([idOf(component)]);
    return this.#reader.read(document, (found) => ({
      recovery: found && recoveryIn(unseal(found)),
      version: found?.version ?? 0,
    }));
  }

  /** Writes a recovery; returns the new version, or `undefined` if another process was faster. */
  save(component: string, recovery: Recovery, version: number): Promise<number | undefined> {
    const id = idOf(component);
    return this.#store.set(id, seal(id, JSON.parse(JSON.stringify(recovery)) as JsonObject), version);
  }
}

/** Returns the error with which a recovery has ended. */
export function errorOf({ code, message, errcode }: RecoveryFailure, appid: string): Error {
  if (code === undefined) return new Error(message);
  return new TokenError(code as TokenErrorCode, message, { appid, ...(errcode !== undefined && { errcode }) });
}

function idOf(component: string): string {
  return `recovery/${component}/authorizers`;
}

function recoveryIn(content: JsonObject): Recovery | undefined {
  const { state, failure } = content;
  const [id, startedAt, seenAt] = [textIn(content, 'id'), numberIn(content, 'startedAt'), numberIn(content, 'seenAt')];
  if (!STATES.has(state) || id === undefined || startedAt === undefined || seenAt === undefined) return undefined;
  return {
    id,
    state: state as Recovery['state'],
    startedAt,
    seenAt,
    endedAt: numberIn(content, 'endedAt'),
    failure: failureIn(failure),
    total: numberIn(content, 'total') ?? 0,
    present: numberIn(content, 'present') ?? 0,
    restored: numberIn(content, 'restored') ?? 0,
    needAuthorization: numberIn(content, 'needAuthorization') ?? 0,
  };
}

function failureIn(failure: JsonValue | undefined): RecoveryFailure | undefined {
  if (!isJsonObject(failure)) return undefined;
  const message = textIn(failure, 'message') ?? '';
  return { code: textIn(failure, 'code'), message, errcode: numberIn(failure, 'errcode') };
}
