import type { Situation } from '../words/advice-texts.js';
import type { Task } from './task.js';

const OF_ERRCODE: ReadonlyMap<number, Situation> = new Map(
  Object.entries({
    address: [40164, 45035, 60020, 61004],
    secret: [40001, 40013, 40125, 41004, 61011],
    frozen: [40243],
    rate: [45011],
    dayQuota: [45009],
    clearing: [48006],
    confirm: [89501, 89502, 89503, 89504, 89505, 89506, 89507],
    user: [40030, 41003, 42002, 42007, 50001, 40029, 40163, 41008, 42003],
    merchant: [61003, 61007, 61023, 61009, 61010],
    ticket: [61005, 61006],
    account: [48004, 50002, 50004, 50007],
    permission: [48001],
    https: [43003],
    defect: [40002, 41001, 41002, 41018, 41021, 43002, 47001, 61014, 61015, 61024, 76003, 76021, 76022],
    stale: [40014, 42001],
    busy: [-1],
  } satisfies Partial<Record<Situation, number[]>>).flatMap(([situation, errcodes]) =>
    errcodes.map((errcode) => [errcode, situation as Situation] as const),
  ),
);

const OF_CODE: ReadonlyMap<string, Situation> = new Map([
  ['NOT_REGISTERED', 'unregistered'],
  ['INPUT_MISSING', 'input'],
  ['UPSTREAM_UNAVAILABLE', 'busy'],
  ['UPSTREAM_REJECTED', 'rejected'],
  ['QUOTA_EXHAUSTED', 'quota'],
  ['REAUTHORIZATION_REQUIRED', 'user'],
  ['REFRESH_DISABLED', 'readOnly'],
  ['STORE_UNAVAILABLE', 'store'],
  ['TIMEOUT', 'timeout'],
  ['CLOSED', 'closing'],
]);

/** The types whose refresh sends the app's secret. With any other type, 40001 refers to the token that was sent. */
const WITH_SECRET = new Set(['access_token', 'component_access_token']);

/** The situations of waiting tasks, by what they wait for. */
export const SITUATION_OF_WAITING = {
  push: 'waitsForPush',
  refresh_token: 'waitsForRefreshToken',
  dependency: 'waitsForDependency',
  params: 'waitsForParams',
  store: 'waitsForStore',
  process: 'waitsForProcess',
} as const satisfies Record<NonNullable<Task['waitingFor']>, Situation>;

export interface KnownFailure {
  readonly code?: string | undefined;
  readonly errcode?: number | undefined;
  readonly message?: string | undefined;
}

/** Returns the situation for WeChat's `errcode`, or for the error code of the library if the `errcode` is unknown. */
export function situationOf({ code = '', errcode, message = '' }: KnownFailure, type: string): Situation {
  if (errcode === 40001 && !WITH_SECRET.has(type)) return 'stale';
  if (errcode === 45009 && /minute|分钟/i.test(message)) return 'rate';
  const known = errcode === undefined ? undefined : OF_ERRCODE.get(errcode);
  if (known !== undefined) return known;
  if (code === 'REAUTHORIZATION_REQUIRED' && type.startsWith('authorizer_')) return 'merchant';
  if (code === 'INPUT_MISSING' && /component_verify_ticket/.test(message)) return 'ticket';
  return OF_CODE.get(code) ?? 'unknown';
}
