import { secretHash } from '../primitives/secret-hash.js';
import type { FailureFacts } from './failure-facts.js';

/** The inputs of a key that refreshes use up, mostly refresh tokens, as the key's document stores them. */
export interface Rotation {
  /** The newest refresh token; absent if the inputs are stored elsewhere, as verify tickets are. */
  readonly token?: string;
  /** The expiry of `token`, in epoch milliseconds; absent if it is unknown. */
  readonly expiresAt?: number;
  /**
   * Refresh tokens of other authorizations, one of which may be the only valid one. They are sent once `token` is
   * rejected or expired.
   */
  readonly reserve?: readonly ReservedToken[];
  /** Hashes of refresh tokens: the first one of the present chain, then the latest ones of all chains. */
  readonly known?: readonly string[];
  /**
   * Hashes of the first refresh tokens of earlier chains, and of the one that the params still offer; the latest used
   * is last.
   */
  readonly firsts?: readonly string[];
  /** The announced refresh token whose outcome has not been recorded yet. */
  readonly intent?: Intent;
  /** The inputs that WeChat has refused. The first ones are forgotten first. */
  readonly refused?: readonly Refused[];
  /**
   * Hashes of the unusable refresh tokens for which `reauthorizationRequired` was emitted, which happens once for each.
   */
  readonly told?: readonly string[];
  /**
   * The mark of a `token` that was put and that WeChat has not accepted or refused yet. It is void if its hash is not
   * that of `token`, which an earlier release may have replaced without removing the mark.
   */
  readonly put?: PutToken;
  /**
   * Hashes of refresh tokens that the params offered while WeChat answered for a token that had been put. They are sent
   * after the stored one.
   */
  readonly deferred?: readonly string[];
}

/** The mark of a refresh token that was put. */
export interface PutToken {
  readonly hash: string;
  /**
   * The hash of the params that the task had at that time; absent if there were none, or if they come from a function
   * or a URL.
   */
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
  /** The instant until which a process that sent the input earlier may still store an outcome. */
  readonly deadAt: number;
  readonly error: FailureFacts;
}

/** The input that is sent first if there is both an offered and a stored one. */
export type Preference = 'offered' | 'stored';

/** The input that an attempt has sent. */
export interface Spent {
  readonly hash: string;
  /** The hash of the refresh token that was stored at that time; `undefined` if there was none. */
  readonly base: string | undefined;
  /** The hashes of the refresh tokens before it. */
  readonly known: readonly string[];
  /** The hash of the refresh token that the params offered, if another one was sent. */
  readonly onOffer?: string | undefined;
}

/** A refresh token that came with a grant. */
export interface ReceivedToken {
  readonly value: string;
  /** The expiry of the refresh token; `undefined` if the grant does not state it. */
  readonly expiresAt: number | undefined;
  /** The mark of the put that the token came from; absent if it came from WeChat. */
  readonly put?: Omit<PutToken, 'hash'>;
}

export type Choice =
  | { readonly kind: 'send'; readonly value: string; readonly hash: string; readonly stored: boolean }
  | { readonly kind: 'refused'; readonly refused: Refused }
  | { readonly kind: 'expired'; readonly expiredAt: number }
  | { readonly kind: 'none' };

/** The maximum number of hashes that are known beside that of the first refresh token of a chain. */
export const MAX_KNOWN = 16;
const MAX_FIRSTS = 16;
const MAX_DEFERRED = 4;
const MAX_RESERVED = 4;
/**
 * The maximum number of refusals that are remembered. It exceeds the number of candidates at any time, so that none of
 * these is sent twice.
 */
const MAX_REFUSED = 8;

/**
 * Chooses the input to send. An offered refresh token that is known is an old one, so a restart with the original
 * params sends the stored one instead. Inputs that WeChat has refused are not sent again. An offered refresh token that
 * may be older than one that was put since is sent after that one.
 *
 * @param params - returns the hash of the params that contain `offered`; `undefined` if they come from a function or a
 *   URL.
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

/**
 * Returns whether the offered refresh token may be older than the stored one, which was put while the params may
 * already have offered it.
 */
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

/** Returns the rotation without the announced refresh token, once WeChat has answered for it. */
export function withoutIntent(rotation: Rotation | undefined): Rotation | undefined {
  const { intent: _intent, ...rest } = rotation ?? {};
  return Object.keys(rest).length === 0 ? undefined : rest;
}

export function withRefusal(rotation: Rotation | undefined, refusal: Refused): Rotation {
  const others = (rotation?.refused ?? []).filter(({ hash }) => hash !== refusal.hash);
  const answered = withoutReserved(withoutIntent(rotation), [refusal.hash]);
  return { ...answered, refused: [...others, refusal].slice(-MAX_REFUSED) };
}

/**
 * Returns the hashes of the refresh tokens that are no longer usable: those that were refused, and the stored one if it
 * has expired.
 */
export function endsOf(rotation: Rotation | undefined, now: number): readonly string[] {
  const { token, refused = [] } = rotation ?? {};
  const expired = token !== undefined && hasEnded(rotation ?? {}, now) ? [secretHash(token)] : [];
  return [...new Set([...refused.map(({ hash }) => hash), ...expired])];
}

/** Returns the rotation with a note that the user has been asked to authorize again because of these refresh tokens. */
export function withEndsTold(rotation: Rotation | undefined, ends: readonly string[]): Rotation | undefined {
  return ends.length === 0 ? rotation : { ...rotation, told: ends };
}

/**
 * Returns the rotation without the refusal of a refresh token that a caller puts. The caller states that the token is
 * valid, so another refusal has to be reported again.
 */
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
 * Returns the rotation after a grant: with the refresh token of the grant or, if it has none, with the previous one,
 * which is then still valid. Only the answer to an attempt removes the announced refresh token, because a put says
 * nothing about an attempt in progress.
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
  // A put of a refresh token that has been replaced since comes too late, and is ignored unless the stored token is
  // unusable.
  if (isPut && isKnown(settled, value) && !isOfNoMoreUse(settled, now)) return settled;
  const continues = spent !== undefined && isOfStoredToken(settled, spent);
  const { expiresAt: before, known: earlier = [], firsts: _firsts, reserve = [], ...others } = settled ?? {};
  const hash = secretHash(value);
  const sent = continues ? before : reserve.find(({ token }) => secretHash(token) === spent?.hash)?.expiresAt;
  const deadline = expiresAt ?? sent;
  // A put begins a new authorization, which replaces the earlier ones; `withReserve` handles grants whose order is
  // unknown.
  const rest = withoutReserved({ ...others, reserve: isPut ? [] : reserve }, [hash, spent?.hash]);
  const first = (continues ? earlier[0] : spent?.hash) ?? hash;
  // A put is newer than the attempt in progress, whose refresh token is noted as known so that it is not taken for a
  // new offer later.
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

/**
 * Returns the rotation without the mark of a put, once WeChat has answered. If the attempt sent the token that was put,
 * the token that the params offered at the same time is sent after the stored one from now on.
 */
function withoutPut(rotation: Rotation | undefined, { hash, onOffer }: Spent): Rotation | undefined {
  if (rotation?.put === undefined) return rotation;
  const { put, deferred = [], ...rest } = rotation;
  const isDeferred = put.hash === hash && onOffer !== undefined && !isKnownHash(rotation, onOffer);
  const all = isDeferred ? [...deferred.filter((other) => other !== onOffer), onOffer].slice(-MAX_DEFERRED) : deferred;
  return all.length === 0 ? rest : { ...rest, deferred: all };
}

/**
 * Returns the hashes to remember of chains that have ended. The refresh token that a task offers remains the newest of
 * them while it is offered, so that the original params are never sent again, however often the user authorizes again.
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

/**
 * Moves the refusal of the refresh token that is still offered to the end, so that it is forgotten after those of
 * others.
 */
function lastOnOffer(refused: readonly Refused[], onOffer: string | undefined): readonly Refused[] {
  return refused.toSorted((one, other) => Number(one.hash === onOffer) - Number(other.hash === onOffer));
}

/**
 * Returns whether the outcome of `spent` may be stored: the stored refresh token is the one of the time of sending, an
 * older one that a failover of the store has brought back, or the one that was sent, as when the params offered it and
 * the application has put it meanwhile.
 */
export function continuesFrom(rotation: Rotation | undefined, spent: Spent): boolean {
  if (rotation?.token === undefined) return true;
  const stored = secretHash(rotation.token);
  return stored === spent.base || stored === spent.hash || spent.known.includes(stored);
}

/** Returns whether the refresh token that was sent is the stored one, and not another one that was offered. */
export function isOfStoredToken(rotation: Rotation | undefined, { hash, base }: Spent): boolean {
  return hash === base || (rotation?.token !== undefined && hash === secretHash(rotation.token));
}

/** Returns whether there is a refresh token that is no longer usable: WeChat has refused it, or it has expired. */
export function isOfNoMoreUse(rotation: Rotation | undefined, now: number): boolean {
  const { token, refused = [] } = rotation ?? {};
  if (rotation === undefined || token === undefined) return false;
  return hasEnded(rotation, now) || refused.some(({ hash }) => hash === secretHash(token));
}

/**
 * Adds the refresh tokens of one rotation as a reserve to another one that replaces it, although it is unknown which of
 * the two belongs to the newer authorization. Refresh tokens that are no longer usable are omitted.
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
