/** The variable that marks a worker. It is set in its environment only, and keeps it from starting workers itself. */
const MARK = 'WECHAT_TOKEN_SERVER_PARENT';
const REASON = 'WECHAT_TOKEN_SERVER_START';
const LOG = 'WECHAT_TOKEN_SERVER_LOG';
const TEXT = 'text';

/**
 * The reason why a worker is started. At a reload the old worker still answers, so that the new one has to read
 * everything first.
 */
export type StartReason = 'first' | 'reload' | 'crash';

/**
 * Returns the environment of a worker.
 *
 * @param isText - whether its log is text. The worker cannot decide this, because its output is a pipe to this process.
 */
export function workerEnvironment(env: NodeJS.ProcessEnv, why: StartReason, isText: boolean): NodeJS.ProcessEnv {
  return { ...env, [MARK]: String(process.pid), [REASON]: why, [LOG]: isText ? TEXT : 'json' };
}

/** Returns whether the log of this worker is text, for the terminal of the primary process. */
export function writesText(env: NodeJS.ProcessEnv): boolean {
  return env[MARK] !== undefined && env[LOG] === TEXT;
}

/** Returns whether this process was started as a worker, even if its parent has ended by now. */
export function isWorker(env: NodeJS.ProcessEnv): boolean {
  return process.send !== undefined && env[MARK] !== undefined;
}

/** Returns whether another worker answers until this one has read everything. */
export function isReload(env: NodeJS.ProcessEnv): boolean {
  return env[REASON] === 'reload';
}
