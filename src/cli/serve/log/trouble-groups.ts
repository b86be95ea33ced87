import type { Clock, ClockTimer } from '../../../core/concurrency/clock.js';
import type { LogFields, LogLevel } from './log.js';

/** A failure of one key. */
export interface Failure {
  /** The kind of event, which becomes the message of the line. */
  readonly message: string;
  readonly level: LogLevel;
  readonly code: string | undefined;
  readonly errcode: number | undefined;
  /** The id of the key that has failed. */
  readonly key: string;
  readonly type: string;
  /** The id of the key that caused the failure, which may be a dependency; `undefined` for a failure of a network or a store. */
  readonly root: string | undefined;
  readonly rootType: string | undefined;
  /** The time of the next attempt, in epoch milliseconds. */
  readonly retryAt: number | undefined;
  /** Returns whether the key can no longer fail like this, which is checked before each further line. By default, only time tells. */
  readonly isOver?: () => boolean;
  /** The additional fields of the first line of a group. */
  readonly facts: LogFields;
}

interface Member extends Pick<Failure, 'isOver'> {
  /** The time of the next attempt. */
  readonly retryAt: number;
}

interface Group {
  readonly failure: Failure;
  readonly beganAt: number;
  readonly members: Map<string, Member>;
  /** The number of keys that have ever joined the group. */
  joined: number;
  attempts: number;
  timer: ClockTimer | undefined;
}

const TELL_EVERY_MS = 600_000;
/** The delay after which a key whose next attempt does not happen counts as no longer handled by this process. */
const LATE_MS = 600_000;
/** The limit of keys that a line names. */
const MOST_NAMED = 3;
/** The limit of groups of one error by key. Further groups are formed by token type. */
const MOST_OF_ONE_ERROR = 20;
const MOST_MEMBERS = 100_000;

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

/**
 * Turns failures into few log lines. Failures with the same cause form a group, which is logged when it begins, every ten
 * minutes, and when it ends.
 */
export class TroubleGroups {
  readonly #write: Write;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  /** The ids of the groups, by message and key of their members. */
  readonly #groupOf = new Map<string, string>();

  constructor(write: Write, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  /** Adds a failure to its group, and logs it if the group is new. */
  failed(failure: Failure): void {
    const { message, key, retryAt = this.#clock.now(), isOver } = failure;
    const member = memberId(message, key);
    const id = this.#groupIdOf(failure);
    const before = this.#groupOf.get(member);
    if (before !== undefined && before !== id) this.#leave(member, before, 'changed');
    const group = this.#groups.get(id) ?? this.#begin(id, failure);
    group.attempts += 1;
    if (before !== id) group.joined += 1;
    if (before !== id && this.#groupOf.size >= MOST_MEMBERS) return;
    this.#groupOf.set(member, id);
    group.members.set(member, isOver === undefined ? { retryAt } : { retryAt, isOver });
    if (group.attempts === 1) this.#write(failure.level, message, firstLine(failure));
  }

  /** Records the next attempt of a key that keeps failing, for failures whose event is emitted only once. */
  renew(message: string, key: string, retryAt: number): void {
    const member = memberId(message, key);
    const id = this.#groupOf.get(member);
    const members = id === undefined ? undefined : this.#groups.get(id)?.members;
    const before = members?.get(member);
    if (before !== undefined) members?.set(member, { ...before, retryAt });
  }

  /** Removes a key from its group for this message after it has recovered. */
  recovered(message: string, key: string): void {
    const member = memberId(message, key);
    const id = this.#groupOf.get(member);
    if (id !== undefined) this.#leave(member, id, 'recovered');
  }

  /** Removes a key from its group for this message because there is nothing to recover any more. */
  gone(message: string, key: string): void {
    const member = memberId(message, key);
    const id = this.#groupOf.get(member);
    if (id !== undefined) this.#leave(member, id, 'gone');
  }

  #begin(id: string, failure: Failure): Group {
    const beganAt = this.#clock.now();
    const group: Group = { failure, beganAt, members: new Map(), joined: 0, attempts: 0, timer: undefined };
    this.#groups.set(id, group);
    this.#tellLater(id, group);
    return group;
  }

  #tellLater(id: string, group: Group): void {
    group.timer = this.#clock.setTimer(() => this.#tell(id, group), TELL_EVERY_MS);
  }

  #tell(id: string, group: Group): void {
    const now = this.#clock.now();
    for (const [member, { retryAt, isOver }] of group.members) {
      if (retryAt + LATE_MS < now || isOver?.() === true) this.#forget(member, group);
    }
    if (group.members.size === 0) {
      this.#end(id, group, 'gone');
      return;
    }
    const { failure } = group;
    this.#write(failure.level, failure.message, {
      ...named(failure),
      tasks: group.members.size,
      attempts: group.attempts,
      since: iso(group.beganAt),
      keys: [...group.members.keys()].slice(0, MOST_NAMED).map(keyIn),
    });
    this.#tellLater(id, group);
  }

  #leave(member: string, id: string, why: 'recovered' | 'changed' | 'gone'): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#forget(member, group);
    if (group.members.size === 0) this.#end(id, group, why);
  }

  #forget(member: string, group: Group): void {
    group.members.delete(member);
    this.#groupOf.delete(member);
  }

  #end(id: string, group: Group, why: 'recovered' | 'changed' | 'gone'): void {
    group.timer?.cancel();
    this.#groups.delete(id);
    const seconds = Math.round((this.#clock.now() - group.beganAt) / 1_000);
    const { failure, joined: tasks, beganAt } = group;
    const facts = { of: failure.message, ...named(failure), tasks, since: iso(beganAt), seconds };
    if (why === 'recovered') this.#write('info', 'recovered', facts);
    else this.#write('info', 'failureEnded', { ...facts, why });
  }

  /**
   * Returns the id of the group of a failure. An existing group of its key is continued; if there are many groups of one
   * error, new ones are formed by token type.
   */
  #groupIdOf({ message, code, errcode, root, type, rootType }: Failure): string {
    const cause = [message, code ?? '', errcode ?? ''];
    if (root === undefined) return cause.join('\n');
    const own = [...cause, root].join('\n');
    if (this.#groups.has(own)) return own;
    const prefix = `${cause.join('\n')}\n`;
    let like = 0;
    for (const id of this.#groups.keys()) if (id.startsWith(prefix)) like += 1;
    return like < MOST_OF_ONE_ERROR ? own : [...cause, `* ${rootType ?? type}`].join('\n');
  }
}

function firstLine(failure: Failure): LogFields {
  const { key, facts } = failure;
  return { ...facts, ...named(failure), tasks: 1, keys: [key] };
}

function named({ code, errcode, root }: Failure): LogFields {
  return { code, errcode, root };
}

function memberId(message: string, key: string): string {
  return `${message}\n${key}`;
}

function keyIn(member: string): string {
  return member.slice(member.indexOf('\n') + 1);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
