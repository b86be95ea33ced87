import { secretHash } from '../primitives/secret-hash.js';
import type { FailureFacts } from './failure-facts.js';

/** The inputs that refreshes use up, refresh tokens mostly, as far as a key's document remembers them. */
export interface Rotation {
  /** The newest refresh token; absent where the inputs are held by others, as verify tickets are. */
  readonly token?: string;
  /** The end of `token`, in epoch milliseconds; absent: not known. */
  readonly expiresAt?: number;
  /** Refresh tokens of other authorizations, of which one may be the only good one: sent when `token` is of no more use. */
  readonly reserve?: readonly ReservedToken[];
  /** Hashes of refresh tokens: the first of the present chain, then the last ones of any. */
  readonly known?: readonly string[];
  /** Hashes of the first ones of earlier chains, and of what the params still offer: the one used last stands last. */
  readonly firsts?: readonly string[];
  /** The announced refresh token whose outcome has not been recorded yet. */
  readonly intent?: Intent;
  /** The inputs that WeChat has refused, the latest last. */
  readonly refused?: readonly Refused[];
  /** Hashes of the refresh tokens whose end has been told: the user is asked to authorize again once for each. */
  readonly told?: readonly string[];
  /** The mark of a `token` that was put and has not been answered for. Void where an earlier release has replaced it since. */
  readonly put?: PutToken;
  /** Hashes of what was on offer when a token that had been put was answered for: they are sent after the stored one. */
  readonly deferred?: readonly string[];
}

/** A refresh token that was put. */
export interface PutToken {
  readonly hash: string;
  /** Hash of the params that the task had then; absent where they have to be asked for, or there were none. */
  readonly params?: string;
}

export interface ReservedToken {
  readonly token: string;
  readonly expiresAt?: number;
}

export interface Intent {
  readonly hash: string;
  readonly at: number;
}

export interface Refused {
  readonly hash: string;
  /** Until then a process that sent it earlier may still store the outcome. */
  readonly deadAt: number;
  readonly error: FailureFacts;
}

/** The input that is sent first when there are two. */
export type Preference = 'offered' | 'stored';

/** The input that a refresh has sent. */
export interface Spent {
  readonly hash: string;
  /** Hash of the refresh token that was stored then, `undefined` without one. */
  readonly base: string | undefined;
  /** Hashes of those before it. */
  readonly known: readonly string[];
  /** Hash of what the params offered where another one was sent. */
  readonly onOffer?: string | undefined;
}

/** A refresh token that came with a grant. */
export interface ReceivedToken {
  readonly value: string;
  /** `undefined`: the grant does not say. */
  readonly expiresAt: number | undefined;
  /** The put that it came from; absent where it came from WeChat. */
  readonly put?: Omit<PutToken, 'hash'>;
}

export type Choice =
  | { readonly kind: 'send'; readonly value: string; readonly hash: string; readonly stored: boolean }
  | { readonly kind: 'refused'; readonly refused: Refused }
  | { readonly kind: 'expired'; readonly expiredAt: number }
  | { readonly kind: 'none' };

const MAX_KNOWN = 16;
const MAX_FIRSTS = 16;
const MAX_DEFERRED = 4;
const MAX_RESERVED = 4;
/** More than there can be on hand at once, so that none of them is sent twice. */
const MAX_REFUSED = 8;

/**
 * Chooses what to send. An offered refresh token that is known is an old one, so that a restart with the params of the
 * first day sends the stored one; what was refused is not sent again. One that may be older than a token that was put since is
 * sent after that.
 *
 * @param params - returns a hash of the params that offer it; `undefined` where they had to be asked for.
 */
export function chooseInput(
  rotation: Rotation | undefined,
  offered: string | undefined,
  prefer: Preference,
  now: number,
  params: () => string | undefined = () => undefined,
): Choice {
  const { token, expiresAt = Number.POSITIVE_INFINITY, refused = [] } = rotation ?? {};
  const isExpired = token !== undefined && hasEnded({ expiresAt }, now);
  const candidates = [
    ...(token === undefined || isExpired ? [] : [candidate(token, true)]),
    ...(offered === undefined || isKnown(rotation, offered) ? [] : [candidate(offered, false)]),
  ];
  if (prefer === 'offered' && !yieldsToStored(rotation, offered, params)) candidates.reverse();
  const reserved = (rotation?.reserve ?? []).filter((entry) => !hasEnded(entry, now));
  candidates.push(...reserved.map((entry) => candidate(entry.token, true)).reverse());
  const refusalOf = ({ hash }: { hash: string }): Refused | undefined => refused.find((entry) => entry.hash === hash);
  const alive = candidates.find((found) => refusalOf(found) === undefined);
  if (alive !== undefined) return alive;
  const refusals = candidates.map(refusalOf).filter((entry) => entry !== undefined);
  const latest = refusals.toSorted((one, other) => one.deadAt - other.deadAt).at(-1);
  if (latest !== undefined) return { kind: 'refused', refused: latest };
  return isExpired ? { kind: 'expired', expiredAt: expiresAt } : { kind: 'none' };
}

/** Returns whether what is offered may be older than the stored token: that was put while, as far as is known, it was on offer. */
function yieldsToStored(
  rotation: Rotation | undefined,
  offered: string | undefined,
  paramsHash: () => string | undefined,
): boolean {
  const { token, put, deferred = [] } = rotation ?? {};
  if (token === undefined || offered === undefined) return false;
  if (deferred.includes(secretHash(offered))) return true;
  if (put === undefined || put.hash !== secretHash(token)) return false;
  const params = paramsHash();
  return params === undefined || params === put.params;
}

export function withIntent(rotation: Rotation | undefined, intent: Intent): Rotation {
  return { ...rotation, intent };
}

/** Notes that WeChat has answered for what was sent. */
export function withoutIntent(rotation: Rotation | undefined): Rotation | undefined {
  const { intent: _intent, ...rest } = rotation ?? {};
  return Object.keys(rest).length === 0 ? undefined : rest;
}

export function withRefusal(rotation: Rotation | undefined, refusal: Refused): Rotation {
  const others = (rotation?.refused ?? []).filter(({ hash }) => hash !== refusal.hash);
  const answered = withoutReserved(withoutIntent(rotation), [refusal.hash]);
  return { ...answered, refused: [...others, refusal].slice(-MAX_REFUSED) };
}

/** Returns the hashes of the refresh tokens that are of no more use: those that were refused, and a stored one past its end. */
export function endsOf(rotation: Rotation | undefined, now: number): readonly string[] {
  const { token, refused = [] } = rotation ?? {};
  const expired = token !== undefined && hasEnded(rotation ?? {}, now) ? [secretHash(token)] : [];
  return [...new Set([...refused.map(({ hash }) => hash), ...expired])];
}

/** Notes that the user has been asked to authorize again because of these. */
export function withEndsTold(rotation: Rotation | undefined, ends: readonly string[]): Rotation | undefined {
  return ends.length === 0 ? rotation : { ...rotation, told: ends };
}

/** Forgets the refusal of a refresh token that a caller puts: it is said to be good now, so that another refusal is news. */
function withoutRefusal(rotation: Rotation | undefined, hash: string): Rotation | undefined {
  if (rotation?.refused === undefined && rotation?.told === undefined) return rotation;
  const { refused, told } = rotation;
  return {
    ...rotation,
    ...(refused === undefined ? {} : { refused: refused.filter((entry) => entry.hash !== hash) }),
    ...(told === undefined ? {} : { told: told.filter((end) => end !== hash) }),
  };
}

/**
 * Returns the rotation after a grant: with its refresh token if it brought one, else with the one before, which then is still
 * good. Only the answer to what was sent ends the intent: a put says nothing of an attempt that is under way.
 */
export function afterGrant(
  rotation: Rotation | undefined,
  received: ReceivedToken | undefined,
  spent: Spent | undefined,
  now: number,
): Rotation | undefined {
  const isPut = spent === undefined;
  const answered = isPut ? rotation : withoutPut(withoutIntent(rotation), spent);
  if (received === undefined) return answered;
  const { value, expiresAt } = received;
  const settled = isPut ? withoutRefusal(answered, secretHash(value)) : answered;
  if (value === settled?.token) return expiresAt === undefined ? settled : { ...settled, expiresAt };
  // A put of a refresh token that was replaced long ago comes late; but any is better than one of no more use.
  if (isPut && isKnown(settled, value) && !isOfNoMoreUse(settled, now)) return settled;
  const continues = spent !== undefined && spent.hash === spent.base;
  const { expiresAt: before, known: earlier = [], firsts: _firsts, reserve = [], ...others } = settled ?? {};
  const hash = secretHash(value);
  const sent = continues ? before : reserve.find(({ token }) => secretHash(token) === spent?.hash)?.expiresAt;
  const deadline = expiresAt ?? sent;
  // A put begins an authorization, which replaces those before it, unless it comes late: see `withReserve`.
  const rest = withoutReserved({ ...others, reserve: isPut ? [] : reserve }, [hash, spent?.hash]);
  const first = (continues ? earlier[0] : spent?.hash) ?? hash;
  // A put is newer than what is under way, which must not be taken for a new offer afterwards.
  const used = isPut ? rotation?.intent?.hash : spent.hash;
  const later = [...earlier, ...(used === undefined ? [] : [used]), hash].filter((known) => known !== first);
  const firsts = firstsOf(settled, first, spent?.onOffer);
  return {
    ...rest,
    ...(rest.refused === undefined ? {} : { refused: lastOnOffer(rest.refused, spent?.onOffer) }),
    token: value,
    known: [first, ...[...new Set(later)].slice(-MAX_KNOWN)],
    ...(firsts.length === 0 ? {} : { firsts }),
    ...(deadline === undefined ? {} : { expiresAt: deadline }),
    ...(received.put === undefined ? {} : { put: { ...received.put, hash } }),
  };
}

/** Notes that WeChat has answered for what was sent: of two that were there, what was on offer is sent after the stored one from now on. */
function withoutPut(rotation: Rotation | undefined, { hash, onOffer }: Spent): Rotation | undefined {
  if (rotation?.put === undefined) return rotation;
  const { put, deferred = [], ...rest } = rotation;
  const isDeferred = put.hash === hash && onOffer !== undefined && !isKnownHash(rotation, onOffer);
  const all = isDeferred ? [...deferred.filter((other) => other !== onOffer), onOffer].slice(-MAX_DEFERRED) : deferred;
  return all.length === 0 ? rest : { ...rest, deferred: all };
}

/**
 * Returns the hashes that are to be remembered although their chain has ended. What a task offers stays the newest of them as
 * long as it is offered, so that the params of the first day are never sent again, however often the user logs in.
 */
function firstsOf(before: Rotation | undefined, first: string, onOffer: string | undefined): readonly string[] {
  const { known = [], firsts = [] } = before ?? {};
  const ended = known.slice(0, 1).filter((hash) => hash !== first && !firsts.includes(hash));
  const all = [...firsts, ...ended];
  const offered = onOffer !== undefined && (all.includes(onOffer) || known.includes(onOffer)) ? [onOffer] : [];
  return [...all.filter((hash) => !offered.includes(hash)), ...offered]
    .filter((hash) => hash !== first)
    .slice(-MAX_FIRSTS);
}

/** Moves what is still on offer to the end, so that it is not forgotten before what is on offer no longer. */
function lastOnOffer(refused: readonly Refused[], onOffer: string | undefined): readonly Refused[] {
  return refused.toSorted((one, other) => Number(one.hash === onOffer) - Number(other.hash === onOffer));
}

/**
 * Returns whether what came of `spent` may be stored: the stored refresh token is the one that was there when it was sent,
 * or an older one that a failover has brought back.
 */
export function continuesFrom(rotation: Rotation | undefined, spent: Spent): boolean {
  if (rotation?.token === undefined) return true;
  const stored = secretHash(rotation.token);
  return stored === spent.base || spent.known.includes(stored);
}

/** Returns whether there is a refresh token and nothing can come of it: WeChat has refused it, or it has reached its end. */
export function isOfNoMoreUse(rotation: Rotation | undefined, now: number): boolean {
  const { token, refused = [] } = rotation ?? {};
  if (rotation === undefined || token === undefined) return false;
  return hasEnded(rotation, now) || refused.some(({ hash }) => hash === secretHash(token));
}

/**
 * Adds the refresh tokens of one rotation to another that goes on in its place although nothing tells which of them belongs to
 * the newer authorization. Those that are of no more use are left out.
 */
export function withReserve(rotation: Rotation, other: Rotation | undefined, now: number): Rotation {
  const { token, expiresAt } = other ?? {};
  const own = token === undefined ? [] : [{ token, ...(expiresAt === undefined ? {} : { expiresAt }) }];
  const all = [...(other?.reserve ?? []), ...own].filter((entry) => entry.token !== rotation.token);
  const { refused = [], known = [] } = rotation;
  const added = all.filter(
    (entry) => !isOfNoMoreUse({ ...entry, refused: [...(other?.refused ?? []), ...refused] }, now),
  );
  if (added.length === 0) return rotation;
  const hashes = added.map((entry) => secretHash(entry.token));
  const earlier = withoutReserved(rotation, hashes).reserve ?? [];
  const [first, ...later] = known;
  const newest = rotation.token === undefined ? [] : [secretHash(rotation.token)];
  const last = [...later.filter((hash) => !hashes.includes(hash)), ...hashes].slice(-MAX_KNOWN);
  return {
    ...rotation,
    known: [...new Set([...(first === undefined ? newest : [first]), ...last])],
    reserve: [...earlier, ...added].slice(-MAX_RESERVED),
  };
}

function withoutReserved(rotation: Rotation | undefined, hashes: readonly (string | undefined)[]): Rotation {
  const { reserve = [], ...rest } = rotation ?? {};
  const left = reserve.filter(({ token }) => !hashes.includes(secretHash(token)));
  return left.length === 0 ? rest : { ...rest, reserve: left };
}

function hasEnded({ expiresAt = Number.POSITIVE_INFINITY }: { readonly expiresAt?: number }, now: number): boolean {
  return expiresAt <= now;
}

export function isKnown(rotation: Rotation | undefined, token: string): boolean {
  return isKnownHash(rotation, secretHash(token));
}

function isKnownHash({ known = [], firsts = [] }: Rotation = {}, hash: string): boolean {
  return known.includes(hash) || firsts.includes(hash);
}

function candidate(value: string, stored: boolean): { kind: 'send'; value: string; hash: string; stored: boolean } {
  return { kind: 'send', value, hash: secretHash(value), stored };
}
