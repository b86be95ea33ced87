import type { Clock } from '../concurrency/clock.js';
import type { PushMode } from '../model/push/push-settings.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, appidOf, documentId } from '../model/token-key.js';
import { TICKETS_STOPPED } from '../model/waiting-texts.js';
import { batches } from '../primitives/batches.js';
import { appFrom, type RegisteredApp } from '../registry/registration-document.js';
import { unseal } from '../store/document-codec.js';
import type { Storage } from '../store/storage.js';
import type { LastPushes } from './last-pushes.js';
import { ticketKey } from './platform-tasks.js';
import { TICKET_MISSING_AFTER_MS } from './ticket-silence.js';
import type { VerifyTickets } from './verify-tickets.js';

export interface AppStatusParts extends Pick<Storage, 'store' | 'reader' | 'documents'> {
  readonly clock: Pick<Clock, 'now'>;
  readonly tickets: Pick<VerifyTickets, 'stateOf'>;
  readonly lastPushes: Pick<LastPushes, 'of'>;
}

export interface AppStatusQuery {
  /** The only apps that are shown; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;
  /** Only apps after this one are shown. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** The status of an app. It holds no secret. */
export interface AppStatus {
  readonly appid: string;
  /** The settings of the pushes to it, and when this process received the last one. */
  readonly push:
    | { readonly mode: PushMode; readonly keys: number; readonly lastPushAt: number | undefined }
    | undefined;
  /** The tickets of a third-party platform. */
  readonly verifyTicket: VerifyTicketStatus | undefined;
}

export interface VerifyTicketStatus {
  /** The instant at which WeChat made the last one. */
  readonly obtainedAt: number | undefined;
  /** Whether no new one has come for half an hour. */
  readonly missing: boolean;
  readonly reason?: string;
  readonly remedy?: string;
}

/** Reads the status of apps from the store, since a process of a fleet knows only those that it has used. */
export async function appStatus(query: AppStatusQuery, parts: AppStatusParts): Promise<AppStatus[]> {
  const documents = query.appids === undefined ? await listed(query, parts) : await chosen(query.appids, query, parts);
  const apps = await Promise.all(documents.map((document) => readApp(document, parts)));
  const obtainedAt = await ticketsOf(
    documents.map(({ id }) => appidOf(id)),
    parts,
  );
  return documents.map(({ id }, index) => {
    const appid = appidOf(id);
    const push = apps[index]?.push;
    return {
      appid,
      push: push && { mode: push.mode, keys: push.keys.length, lastPushAt: parts.lastPushes.of(appid) },
      verifyTicket: ticketStatus(appid, obtainedAt[index], parts),
    };
  });
}

async function listed({ after, limit }: AppStatusQuery, { store }: AppStatusParts): Promise<StoredDocument[]> {
  const documents: StoredDocument[] = [];
  const page = after === undefined ? { limit } : { limit, after: appDocumentId(after) };
  for await (const document of store.list('app', page)) documents.push(document);
  return documents;
}

async function chosen(
  appids: ReadonlySet<string>,
  { after = '', limit }: AppStatusQuery,
  { store }: AppStatusParts,
): Promise<StoredDocument[]> {
  const documents: StoredDocument[] = [];
  const ids = [...appids].filter((appid) => appid > after).toSorted();
  for (const batch of batches(ids.map(appDocumentId))) {
    documents.push(...(await store.get(batch)).filter((document) => document !== undefined));
    if (documents.length >= limit) break;
  }
  return documents.slice(0, limit);
}

/** Reads an app. Of one whose document is unreadable nothing but its name is shown. */
function readApp(stored: StoredDocument, { reader }: AppStatusParts): Promise<RegisteredApp | undefined> {
  const decode = (document: StoredDocument | undefined): RegisteredApp | undefined =>
    document && appFrom(appidOf(document.id), unseal(document), document.version);
  return reader.read(stored, decode, () => undefined);
}

/** Returns when WeChat made the stored tickets of apps. */
async function ticketsOf(
  appids: readonly string[],
  { store, documents }: AppStatusParts,
): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = [];
  for (const batch of batches(appids)) {
    const keys = batch.map(ticketKey);
    const stored = await store.get(keys.map((key) => documentId('key', key)));
    const read = keys.map((key, index) => documents.decode(key, stored[index]).catch(() => undefined));
    for (const document of await Promise.all(read)) found.push(document?.grant?.obtainedAt);
  }
  return found;
}

function ticketStatus(
  appid: string,
  obtainedAt: number | undefined,
  { tickets, clock }: AppStatusParts,
): VerifyTicketStatus | undefined {
  const known = tickets.stateOf(appid);
  const last = obtainedAt ?? known?.lastTicketAt;
  if (known === undefined && last === undefined) return undefined;
  const isKnown = known !== undefined && known.lastTicketAt === last;
  const missing = isKnown ? known.isMissing : last !== undefined && clock.now() - last >= TICKET_MISSING_AFTER_MS;
  return { obtainedAt: last, missing, ...(missing ? TICKETS_STOPPED : {}) };
}
