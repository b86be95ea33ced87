import type { FromMember } from './fleet-messages.js';

/** The observations of the demo about one process. */
export interface MemberTally {
  gets: number;
  /** The number of gets that failed, or returned a token that WeChat would not have accepted at that moment. */
  bad: number;
  refreshes: number;
  slowestMs: number;
}

/** Counts the results of the members, and measures how soon the others have a token that one of them has fetched. */
export class FleetTally {
  /** The members that have read every token. Tokens that they read before that were fetched without them. */
  readonly #ready = new Set<string>();
  readonly #members = new Map<string, MemberTally>();
  readonly #fetchedAt = new Map<string, number>();
  readonly #adoptedAt = new Map<string, number>();
  /** The due times by appid and version. */
  readonly #dueTimes = new Map<string, Map<number, number>>();

  of(member: string): MemberTally {
    let tally = this.#members.get(member);
    if (tally === undefined) this.#members.set(member, (tally = { gets: 0, bad: 0, refreshes: 0, slowestMs: 0 }));
    return tally;
  }

  ready(member: string): void {
    this.#ready.add(member);
  }

  read(member: string, waitedMs: number, isGood: boolean): void {
    const tally = this.of(member);
    tally.gets += 1;
    if (!isGood) tally.bad += 1;
    tally.slowestMs = Math.max(tally.slowestMs, waitedMs);
  }

  refreshed(member: string, event: Extract<FromMember, { kind: 'refreshed' }>): void {
    const { appid, version, source, at, dueAt } = event;
    const token = `${appid} ${version}`;
    this.#dueTimes.set(appid, (this.#dueTimes.get(appid) ?? new Map<number, number>()).set(version, dueAt));
    if (source === 'upstream') {
      this.of(member).refreshes += 1;
      this.#fetchedAt.set(token, at);
    } else if (this.#ready.has(member)) {
      this.#adoptedAt.set(token, Math.max(at, this.#adoptedAt.get(token) ?? 0));
    }
  }

  /** Returns the due times of this app's tokens, in the order in which the tokens came. */
  dueTimesOf(appid: string): number[] {
    const byVersion = [...(this.#dueTimes.get(appid) ?? [])].sort(([left], [right]) => left - right);
    return byVersion.map(([, dueAt]) => dueAt);
  }

  /**
   * Returns the time from when one process has stored a token until the last of the others has it: the median and the
   * maximum.
   */
  spreadMs(): { readonly median: number; readonly worst: number } {
    const delays = [...this.#adoptedAt].flatMap(([token, at]) => {
      const fetchedAt = this.#fetchedAt.get(token);
      return fetchedAt === undefined ? [] : [Math.max(0, at - fetchedAt)];
    });
    delays.sort((left, right) => left - right);
    return { median: delays[delays.length >> 1] ?? 0, worst: delays.at(-1) ?? 0 };
  }
}
