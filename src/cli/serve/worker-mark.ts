/** In the environment of a worker, and nowhere else: it starts no processes. */
const MARK = 'WECHAT_TOKEN_SERVER_PARENT';
const REASON = 'WECHAT_TOKEN_SERVER_START';

/** Why a worker is started. One that takes the place of another at a reload has to have read everything first. */
export type StartReason = 'first' | 'reload' | 'crash';

/** The environment of a process that is to answer for this one. */
export function workerEnvironment(env: NodeJS.ProcessEnv, why: StartReason): NodeJS.ProcessEnv {
  return { ...env, [MARK]: String(process.pid), [REASON]: why };
}

/** Whether this process was started to answer for its parent, even if that is gone by now. */
export function isWorker(env: NodeJS.ProcessEnv): boolean {
  return process.send !== undefined && env[MARK] !== undefined;
}

/** Whether somebody else answers until this worker has read everything. */
export function isReload(env: NodeJS.ProcessEnv): boolean {
  return env[REASON] === 'reload';
}
