import { defineRefresher, type RefreshContext, type TokenManager } from '../../../src/index.js';
import { seeded } from './fleet-world.js';
import { World } from './world.js';

const LIFE_SECONDS = 600;
const HEALTHY = Array.from({ length: 60 }, (_unused, index) => `good${index}`);

export const HANGING_TYPE = 'user_token';

/** Provides healthy apps beside broken ones, `bad0` and so on, whose refreshes hang. */
export class HangingMembers implements AsyncDisposable {
  readonly world: World;
  readonly tokens: TokenManager<string>;
  #isBroken = true;

  private constructor(fleet: boolean) {
    this.world = new World({ random: seeded(7), fleet });
    const refresher = defineRefresher({
      type: HANGING_TYPE as string,
      refresh: async ({ key, signal }: RefreshContext) => {
        if (this.#isBroken && key.appid.startsWith('bad'))
          return new Promise<never>((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          });
        return { value: `token of ${key.appid} ${this.world.clock.now()}`, expiresInSeconds: LIFE_SECONDS };
      },
    });
    this.tokens = this.world.manager<string>({ refreshers: [refresher] });
  }

  /** Registers the healthy apps, and then the broken ones with their tasks, the same number each. */
  static async start(apps: number, tasks: number, fleet: boolean): Promise<HangingMembers> {
    const members = new HangingMembers(fleet);
    for (const appid of HEALTHY) await members.#register(appid, [{ type: HANGING_TYPE }]);
    await members.world.clock.advance(5_000);
    for (let app = 0; app < apps; app++) {
      const subjects = Array.from({ length: tasks / apps }, (_unused, index) => `user${index}`);
      await members.#register(
        `bad${app}`,
        subjects.map((subject) => ({ type: HANGING_TYPE, subject })),
      );
    }
    return members;
  }

  /** Lets the broken apps be answered from now on. */
  heal(): void {
    this.#isBroken = false;
  }

  /** Returns the shortest time that any healthy token has left within these minutes, looked at every 10 s. */
  async leastLeftMs(minutes: number): Promise<number> {
    const { clock } = this.world;
    let least = Number.POSITIVE_INFINITY;
    for (let look = 0; look < minutes * 6; look++) {
      await clock.advance(10_000);
      for (const appid of HEALTHY) {
        least = Math.min(least, (this.tokens.peek(appid, HANGING_TYPE)?.expiresAt ?? 0) - clock.now());
      }
    }
    return least;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]();
  }

  async #register(appid: string, tasks: readonly { type: string; subject?: string }[]): Promise<void> {
    let isOver = false;
    const registered = this.tokens.register({ appid, secret: 's', tasks }).finally(() => {
      isOver = true;
    });
    while (!isOver) await this.world.clock.advance(100);
    await registered;
  }
}
