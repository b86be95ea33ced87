// @ts-check
// This module runs wrk (the Debian package of that name) against a server of bench/http-server.mjs, with an API key and
// random apps.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createApiKey } from 'wechat-token-manager/http';

export const APPS = 100_000;

/**
 * @typedef {object} Served
 * @property {string} kind
 * @property {number} port
 * @property {import('node:child_process').ChildProcess} child
 */

/** Starts servers that take one API key, and loads them with it. */
export class Load {
  #directory = mkdtempSync(join(tmpdir(), 'wechat-bench-http-'));
  #credentials = createApiKey({ scopes: ['read', 'refresh'] });
  /** @type {Served[]} */
  #servers = [];

  /**
   * @param {string} kind
   * @param {readonly string[]} [more]
   * @returns {Promise<Served>}
   */
  async start(kind, more = []) {
    const path = fileURLToPath(new URL('http-server.mjs', import.meta.url));
    const { id, hash } = this.#credentials.entry;
    const child = fork(path, [kind, String(APPS), id, hash, ...more]);
    const [{ port }] = await once(child, 'message');
    const server = { kind, child, port };
    this.#servers.push(server);
    return server;
  }

  /**
   * @param {number} port
   * @param {{ seconds: number, connections: number, pauseMs?: number }} options - `pauseMs`: how long each connection rests
   *   after an answer.
   */
  async run(port, { seconds, connections, pauseMs = 0 }) {
    const script = join(this.#directory, 'load.lua');
    writeFileSync(script, this.#lua(pauseMs));
    const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${port}`];
    const { stdout } = await promisify(execFile)('wrk', options);
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
    const perSecond = Number(/Requests\/sec: +([\d.]+)/.exec(stdout)?.[1]);
    const [, p99 = '', unit = ''] = /99% +([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
    return { perSecond, p99: Number(p99) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? Number.NaN) };
  }

  end() {
    for (const { child } of this.#servers) child.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** @param {number} pauseMs */
  #lua(pauseMs) {
    const delay = pauseMs === 0 ? '' : `function delay() return math.random(0, ${2 * pauseMs}) end`;
    return `wrk.headers["Authorization"] = "Bearer ${this.#credentials.key}"
function request()
  return wrk.format("GET", string.format("/task/wx%016d/0", math.random(0, ${APPS - 1})))
end
${delay}`;
  }
}
