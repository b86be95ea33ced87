/** A key in the messages between the processes of the demo. Their times are `Date.now()`, the same clock for all of them. */
export interface DemoKey {
  readonly appid: string;
  readonly type: 'access_token' | 'jsapi_ticket';
}

/** A message from a manager process to the demo. */
export type FromManager =
  | { readonly kind: 'ready'; readonly at: number }
  | {
      readonly kind: 'refreshed';
      readonly at: number;
      readonly key: DemoKey;
      readonly source: 'upstream' | 'store' | 'put';
      readonly reason: string | undefined;
      readonly expiresAt: number;
      readonly dueAt: number;
    }
  | {
      readonly kind: 'refreshFailed';
      readonly at: number;
      readonly key: DemoKey;
      readonly message: string;
      readonly retryAt: number;
      /** The expiry of the current token; `undefined` if there is none. */
      readonly expiresAt: number | undefined;
    }
  /** A `get` that has answered at `at`; `value` is absent if it failed. */
  | {
      readonly kind: 'read';
      readonly at: number;
      readonly key: DemoKey;
      readonly waitedMs: number;
      readonly value?: string;
      readonly error?: string;
    }
  /** The time of the next due refresh of any key. */
  | { readonly kind: 'nextDue'; readonly at: number };

/** A message from the demo to a manager process. */
export type ToManager = { readonly kind: 'nextDue' } | { readonly kind: 'close' };

/** The input with which a manager process is started. */
export interface ManagerInput {
  readonly origin: string;
  readonly directory: string;
}

export interface DemoApp {
  readonly appid: string;
  readonly secret: string;
  readonly accessToken: 'stable' | 'plain';
  readonly types: readonly DemoKey['type'][];
}

export const DEMO_APPS: readonly DemoApp[] = [
  { appid: 'wx-shop', secret: 'secret-of-shop', accessToken: 'stable', types: ['access_token', 'jsapi_ticket'] },
  { appid: 'wx-game', secret: 'secret-of-game', accessToken: 'stable', types: ['access_token'] },
  { appid: 'wx-plain', secret: 'secret-of-plain', accessToken: 'plain', types: ['access_token'] },
];

export const DEMO_KEYS: readonly DemoKey[] = DEMO_APPS.flatMap(({ appid, types }) =>
  types.map((type) => ({ appid, type })),
);

export function keyName({ appid, type }: DemoKey): string {
  return `${appid} ${type}`;
}
