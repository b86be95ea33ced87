import { ok, strictEqual } from 'node:assert/strict';
import { MemoryStore, TokenError, TokenManager, type TokenRecord } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';
import { FakeClock } from 'wechat-token-manager/testing';

async function main(): Promise<void> {
  const tokens = new TokenManager({ store: new MemoryStore(), clock: new FakeClock() });
  const record: TokenRecord | undefined = tokens.peek('wx0000000000000000', 'access_token');
  strictEqual(record, undefined);
  const failure: unknown = await tokens.get('wx0000000000000000', 'access_token').catch((error: unknown) => error);
  ok(failure instanceof TokenError);
  strictEqual(failure.code, 'NOT_REGISTERED');
  const receiver: PushReceiver = createPushReceiver(tokens);
  strictEqual(typeof receiver.node, 'function');
  await tokens.close();
}

void main();
