import { ok, strictEqual } from 'node:assert/strict';
import { MemoryStore, TokenError, TokenManager, type TokenRecord } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';
import { FakeClock } from 'wechat-token-manager/testing';

const clock = new FakeClock();
const tokens = new TokenManager({ store: new MemoryStore(), clock });
const record: TokenRecord | undefined = tokens.peek('wx0000000000000000', 'access_token');
strictEqual(record, undefined);

// @ts-expect-error -- this type is not declared
const unknown = tokens.get('wx0000000000000000', 'acces_token').catch((error: unknown) => error);
ok((await unknown) instanceof TypeError);

const failure: unknown = await tokens.get('wx0000000000000000', 'access_token').catch((error: unknown) => error);
ok(failure instanceof TokenError);
strictEqual(failure.code, 'NOT_REGISTERED');

const receiver: PushReceiver = createPushReceiver(tokens);
strictEqual(typeof receiver.node, 'function');

await tokens.close();
strictEqual(clock.pendingTimers, 0);
