import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isJsonObject } from '../../core/primitives/json.js';
import { hasCode } from './durable-file.js';

/** The holder of a lease, as its file names it. */
export interface LeaseHolder {
  /** The machine and, in containers, the process namespace: process ids mean the same within one host. */
  readonly host: string;
  readonly pid: number;
  /** The start of the process, in the words of its system; tells apart two processes that had the same id. */
  readonly startedAt?: string;
  readonly ttlMs: number;
}

interface ProcessState {
  readonly isDead: boolean;
  readonly startedAt: string;
}

let self: Promise<Omit<LeaseHolder, 'ttlMs'>> | undefined;

/** Returns this process, as a holder for `ttlMs`. */
export async function holderHere(ttlMs: number): Promise<LeaseHolder> {
  self ??= describeSelf();
  return { ...(await self), ttlMs };
}

/** Returns the holder; `undefined` when the text does not say who holds it, as that of a released lease does not. */
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

/** Returns whether the holder is known to have ended: only of a process on this host can that be known. */
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

/** Returns the state of a process; `undefined` where the system does not tell. */
async function readProcess(pid: number): Promise<ProcessState | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name of the program, in parentheses, may hold anything; the fields after it are plain.
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const state = fields[STATE_FIELD];
  const startedAt = fields[START_TIME_FIELD];
  if (state === undefined || startedAt === undefined) return undefined;
  return { isDead: state === 'Z' || state === 'X', startedAt };
}
