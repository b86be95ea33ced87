import { Slots } from '../core/slots.js';

const MAX_RUNNING = 16;

/** Lets at most 16 works run at once, and fewer that concern the same host, so that a slow one holds up nobody else. */
export class HostTurns {
  readonly #slots = new Slots(MAX_RUNNING);
  readonly #hosts = new Map<string, { readonly slots: Slots; users: number }>();
  readonly #maxPerHost: number;

  constructor(maxPerHost: number) {
    this.#maxPerHost = maxPerHost;
  }

  /**
   * Does the work when it is its turn.
   *
   * @param host - name and port.
   *
   * @throws the signal's reason when that is aborted before.
   */
  async run<Result>(host: string, signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    const turns = this.#hosts.get(host) ?? { slots: new Slots(this.#maxPerHost), users: 0 };
    this.#hosts.set(host, turns);
    turns.users += 1;
    const taken: (() => void)[] = [];
    try {
      // The host's comes first, so that those who wait for a slow host take no slot from the others.
      taken.push(await turns.slots.take(signal));
      taken.push(await this.#slots.take(signal));
      return await work();
    } finally {
      for (const giveBack of taken) giveBack();
      turns.users -= 1;
      if (turns.users === 0) this.#hosts.delete(host);
    }
  }
}
