/** In the environment of a worker, and nowhere else: it starts no processes. */
const MARK = 'WECHAT_TOKEN_SERVER_PARENT';
const REASON = 'WECHAT_TOKEN_SERVER_START';
const LOG = 'WECHAT_TOKEN_SERVER_LOG';
const TEXT = 'text';

/** The reason why a worker is started. One that takes the place of another at a reload has to have read everything first. */
export type StartReason = 'first' | 'reload' | 'crash';

/**
 * Returns the environment of a process that is to answer for this one.
 *
 * @param isText - whether its log is to be text: it writes to this process and sees no terminal.
 */
export function workerEnvironment(env: NodeJS.ProcessEnv, why: StartReason, isText: boolean): NodeJS.ProcessEnv {
  return { ...env, [MARK]: String(process.pid), [REASON]: why, [LOG]: isText ? TEXT : 'json' };
}

/** Tells whether the log of this process is text for a terminal of the process that started it. */
export function writesText(env: NodeJS.ProcessEnv): boolean {
  return env[MARK] !== undefined && env[LOG] === TEXT;
}

/** Returns whether this process was started to answer for its parent, even if that is gone by now. */
export function isWorker(env: NodeJS.ProcessEnv): boolean {
  return process.send !== undefined && env[MARK] !== undefined;
}

/** Tells whether another process answers until this worker has read everything. */
export function isReload(env: NodeJS.ProcessEnv): boolean {
  return env[REASON] === 'reload';
}
