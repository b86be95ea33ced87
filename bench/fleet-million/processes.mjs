// @ts-check
// This module runs the processes of `fleet-million` and collects their measurements.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

/**
 * @typedef {object} Figures
 * @property {number} rss the most that any process had.
 * @property {readonly { readonly ms: number, readonly waited: boolean }[]} answers to callers; whether a refresh was made
 *   for one.
 * @property {readonly string[]} errors
 * @property {readonly number[]} claimMs
 * @property {Readonly<Record<string, number>>} commands sent to the store since counting began.
 * @property {number} refreshes
 * @property {number} cpuMs what all processes have used of the processors.
 * @property {readonly string[]} lanes
 */

export class Fleet {
  /** @type {import('node:child_process').ChildProcess[]} */
  #processes = [];
  #rss = 0;
  /** @type {{ ms: number, waited: boolean }[]} */
  #answers = [];
  /** @type {string[]} */
  #errors = [];
  /** @type {number[]} */
  #claimMs = [];
  /** @type {string[]} */
  #lanes = [];
  /** The counts of each process since its start, with the part that is not to be counted. */
  #counted = new Map();
  #before = new Map();

  /**
   * @param {number} count
   * @param {object} orders
   */
  static async start(count, orders) {
    const fleet = new Fleet();
    await Promise.all(Array.from({ length: count }, () => fleet.#start(orders)));
    return fleet;
  }

  async #start(/** @type {object} */ orders) {
    const child = fork(WORKER, [JSON.stringify(orders)]);
    this.#processes.push(child);
    child.on('message', (/** @type {any} */ { second }) => {
      if (second !== undefined) this.#note(child, second);
    });
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [])]);
    if (message === undefined) throw new Error('a process has ended at its start');
  }

  #note(/** @type {object} */ child, /** @type {any} */ { rss, answers, errors, claimMs, lanes, ...counted }) {
    this.#rss = Math.max(this.#rss, rss);
    this.#answers.push(...answers);
    this.#errors.push(...errors);
    this.#claimMs.push(...claimMs);
    this.#lanes = lanes;
    this.#counted.set(child, counted);
  }

  /** @param {object} order an order that the worker accepts. */
  tell(order) {
    for (const child of this.#processes) child.send(order);
  }

  /** Asks one process and waits for the answer. */
  async askOne(/** @type {object} */ order, /** @type {string} */ name) {
    const [child] = this.#processes;
    if (child === undefined) throw new Error('there is no process');
    child.send(order);
    for (;;) {
      const [message] = await once(child, 'message');
      if (message[name] !== undefined) return message[name];
    }
  }

  /** Discards everything measured so far, except memory. */
  beginToCount() {
    this.#answers = [];
    this.#errors = [];
    this.#claimMs = [];
    this.#before = new Map(this.#counted);
  }

  /** @returns {Figures} */
  figures() {
    /** @type {Record<string, number>} */
    const commands = {};
    let refreshes = 0;
    let cpuMs = 0;
    for (const [child, now] of this.#counted) {
      const before = this.#before.get(child);
      refreshes += now.refreshes - (before?.refreshes ?? 0);
      cpuMs += now.cpuMs - (before?.cpuMs ?? 0);
      for (const [name, count] of Object.entries(now.commands)) {
        commands[name] = (commands[name] ?? 0) + Number(count) - (before?.commands[name] ?? 0);
      }
    }
    const [answers, errors, claimMs] = [this.#answers, this.#errors, this.#claimMs];
    return { rss: this.#rss, answers, errors, claimMs, commands, refreshes, cpuMs, lanes: this.#lanes };
  }

  async stop() {
    const running = this.#processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(
      running.map(async (child) => {
        const exited = once(child, 'exit');
        child.send({ stop: true });
        await exited;
      }),
    );
  }
}
