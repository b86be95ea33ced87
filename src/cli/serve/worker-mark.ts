/** In the environment of a worker, and nowhere else: it starts no processes. */
const MARK = 'WECHAT_TOKEN_SERVER_PARENT';

/** The environment of a process that is to answer for this one. */
export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, [MARK]: String(process.pid) };
}

/** Whether this process was started to answer for its parent, even if that is gone by now. */
export function isWorker(env: NodeJS.ProcessEnv): boolean {
  return process.send !== undefined && env[MARK] !== undefined;
}
