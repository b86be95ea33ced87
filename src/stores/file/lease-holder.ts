import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isJsonObject } from '../../core/primitives/json.js';
import { hasCode } from './durable-file.js';

/** The holder of a lease, as the file of the lease names it. */
export interface LeaseHolder {
  /** The id of the machine and, in containers, of the process namespace. Process ids are unique within one host. */
  readonly host: string;
  readonly pid: number;
  /** The start time of the process in the format of the system. It distinguishes processes with the same id. */
  readonly startedAt?: string;
  readonly ttlMs: number;
}

interface ProcessState {
  readonly isDead: boolean;
  readonly startedAt: string;
}

let self: Promise<Omit<LeaseHolder, 'ttlMs'>> | undefined;

/** Returns this process as the holder of a lease for `ttlMs`. */
export async function holderHere(ttlMs: number): Promise<LeaseHolder> {
  self ??= describeSelf();
  return { ...(await self), ttlMs };
}

/** Returns the holder in a text; `undefined` if it names none, like that of a released lease. */
export function parseHolder(text: string): LeaseHolder | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(content)) return undefined;
  const { host, pid, startedAt, ttlMs } = content;
  if (typeof host !== 'string' || typeof pid !== 'number' || typeof ttlMs !== 'number') return undefined;
  return typeof startedAt === 'string' ? { host, pid, startedAt, ttlMs } : { host, pid, ttlMs };
}

/** Returns whether the holder has certainly ended, which can only be determined for a process on this host. */
export async function hasEnded(holder: LeaseHolder): Promise<boolean> {
  const here = await holderHere(0);
  if (holder.host !== here.host || !Number.isSafeInteger(holder.pid) || holder.pid <= 0) return false;
  if (!isRunning(holder.pid)) return true;
  const state = await readProcess(holder.pid);
  return state !== undefined && (state.isDead || (holder.startedAt ?? state.startedAt) !== state.startedAt);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

async function describeSelf(): Promise<Omit<LeaseHolder, 'ttlMs'>> {
  const [bootId, namespace, state] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    readProcess(process.pid),
  ]);
  const host = createHash('sha256').update(`${hostname()}\n${bootId}\n${namespace}`).digest('hex');
  const { pid } = process;
  return state === undefined ? { host, pid } : { host, pid, startedAt: state.startedAt };
}

const STATE_FIELD = 0;
const START_TIME_FIELD = 19;

/** Returns the state of a process; `undefined` if the system does not provide it. */
async function readProcess(pid: number): Promise<ProcessState | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name of the program in parentheses may contain any characters. The fields after it are plain.
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const state = fields[STATE_FIELD];
  const startedAt = fields[START_TIME_FIELD];
  if (state === undefined || startedAt === undefined) return undefined;
  return { isDead: state === 'Z' || state === 'X', startedAt };
}
