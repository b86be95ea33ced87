import { expect } from 'vitest';
import type { ServeProcess, ServeWorld } from '../servers/serve-process.js';

const PROGRAM = 'wechat-token-manager: ';

/** Starts servers on stores, and keeps all their output. */
export class StoreTrials {
  readonly #world: () => ServeWorld;
  readonly #servers: ServeProcess[] = [];

  constructor(world: () => ServeWorld) {
    this.#world = world;
  }

  /** Returns what `serve` prints when it does not start, and its exit code. */
  async failure(store: string): Promise<{ code: number | null; said: string }> {
    const server = this.#world().spawn([], { WECHAT_TOKENS_STORE: store });
    this.#servers.push(server);
    const code = await server.exited;
    expect(server.lines).toEqual([]);
    expect(server.errors.startsWith(PROGRAM)).toBe(true);
    expect(server.errors.split('\n')).toHaveLength(2);
    return { code, said: server.errors.slice(PROGRAM.length).trim() };
  }

  /** Checks that `serve` starts, and stops at a signal. */
  async serves(store: string): Promise<void> {
    const server = await this.#world().start([], { WECHAT_TOKENS_STORE: store });
    this.#servers.push(server);
    expect(await server.stop()).toBe(0);
  }

  /** Checks that no server has shown a password. */
  expectNoSecrets(): void {
    for (const { lines, errors } of this.#servers) {
      expect(lines.join('\n') + errors).not.toMatch(/CANARY|postgres-password/);
    }
  }
}
