/** What the processes of the demo say to each other. Instants are `Date.now()`, the same for all of them. */
export interface DemoKey {
  readonly appid: string;
  readonly type: 'access_token' | 'jsapi_ticket';
}

/** From a manager process to the demo. */
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
      /** When the token in force ends; `undefined` when there is none. */
      readonly expiresAt: number | undefined;
    }
  /** One `get` has answered at `at`; `value` is absent when it failed. */
  | {
      readonly kind: 'read';
      readonly at: number;
      readonly key: DemoKey;
      readonly waitedMs: number;
      readonly value?: string;
      readonly error?: string;
    }
  /** When the next refresh of any key is due. */
  | { readonly kind: 'nextDue'; readonly at: number };

/** From the demo to a manager process. */
export type ToManager = { readonly kind: 'nextDue' } | { readonly kind: 'close' };

/** What a manager process is started with. */
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
