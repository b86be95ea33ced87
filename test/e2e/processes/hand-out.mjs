// This module hands tokens out all the time and records what a caller would have seen.
import { setTimeout as passes } from 'node:timers/promises';

/**
 * @typedef {import('../../support/servers/worker.js').HandedOut} HandedOut
 * @typedef {import('../../support/servers/worker.js').Key} Key
 */

export class HandOut {
  /** @type {import('wechat-token-manager').TokenManager} */
  #tokens;
  #everyMs;
  #stopping = false;
  /** @type {Promise<void>[]} */
  #loops;
  /** @type {HandedOut} */
  #found = { served: 0, slowestMs: 0, lastServedAt: {}, failures: [], wentBack: [] };

  /** @param {import('wechat-token-manager').TokenManager} tokens @param {readonly Key[]} keys @param {number} everyMs */
  constructor(tokens, keys, everyMs) {
    this.#tokens = tokens;
    this.#everyMs = everyMs;
    this.#loops = keys.map((key) => this.#loop(key));
  }

  /** Ends the loops, and returns what was found. */
  async stop() {
    this.#stopping = true;
    await Promise.all(this.#loops);
    return this.#found;
  }

  /** @param {Key} key */
  async #loop({ appid, type, subject }) {
    const name = `${appid} ${type}`;
    const seen = new Set();
    const options = subject === undefined ? undefined : { subject };
    let last = '';
    let version = 0;
    while (!this.#stopping) {
      const askedAt = performance.now();
      try {
        const value = await this.#tokens.get(appid, type, options);
        const current = this.#tokens.peek(appid, type, options)?.version ?? version;
        this.#found.lastServedAt[value] = monotonicMs();
        this.#found.served += 1;
        if ((value !== last && seen.has(value)) || current < version) this.#found.wentBack.push(name);
        seen.add(value);
        last = value;
        version = current;
      } catch (error) {
        const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
        this.#found.failures.push(`${name}: ${code} ${message}`);
      }
      this.#found.slowestMs = Math.max(this.#found.slowestMs, performance.now() - askedAt);
      await passes(this.#everyMs);
    }
  }
}

/** Returns the time of a clock that all processes of a machine share and that is never set. */
function monotonicMs() {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
