import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FakePushAnswer, FakePushFields } from '../../src/testing/index.js';
import type { ServeProcess } from '../support/servers/serve-process.js';
import { SERVE_STORES, type StorePlace } from '../support/stores/serve-stores.js';
import { TEST_ACCOUNTS } from '../support/test-accounts.js';
import { COMPONENT, PushedPlatform } from '../support/worlds/pushed-platform.js';

const STORES = SERVE_STORES.filter(({ name }) => name === 'Redis' || name === 'PostgreSQL');
const EXCHANGE = '/cgi-bin/component/api_query_auth';
const SEND = '/cgi-bin/message/custom/send';
const MERCHANTS = Array.from({ length: 30 }, (_, index) => `wx-merchant-${index}`);

for (const { name, isHere, start } of STORES) {
  describe.skipIf(!isHere())(`two servers on ${name} that are pushed to`, () => {
    let place: StorePlace;
    let stores = 0;

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place?.[Symbol.asyncDispose]());

    async function fleet(): Promise<{ platform: PushedPlatform; servers: [ServeProcess, ServeProcess] }> {
      stores += 1;
      const platform = await PushedPlatform.start(place.url(`pushes_${stores}`));
      const servers = await Promise.all([platform.serve(), platform.serve()]);
      await platform.register(servers[0]);
      return { platform, servers };
    }

    test('each code is exchanged once, whichever server got its push, and both serve the same tokens', async () => {
      const { platform, servers } = await fleet();
      await using _platform = platform;
      expect(await isAccepted(pushTo(platform, servers[0], { InfoType: 'component_verify_ticket' }))).toBe(true);
      const answers = MERCHANTS.flatMap((AuthorizerAppid, index) => {
        const AuthorizationCode = platform.wechat.createAuthorizationCode(COMPONENT, AuthorizerAppid);
        const CreateTime = Math.floor(Date.now() / 1_000);
        const fields = { InfoType: 'authorized', AuthorizerAppid, AuthorizationCode, CreateTime };
        // One in three is pushed to both, as when WeChat repeats a push.
        const takers = index % 3 === 2 ? servers : [servers[index % 3] as ServeProcess];
        return takers.map((server) => bodyOf(pushTo(platform, server, fields)));
      });
      expect(await Promise.all(answers)).toEqual(answers.map(() => 'success'));
      for (const merchant of MERCHANTS) {
        await expect.poll(() => platform.task(servers[0], merchant)).toMatchObject({ code: 200 });
        const { result } = await platform.task(servers[0], merchant);
        expect(platform.wechat.isValid(String(result))).toBe(true);
        await expect.poll(() => platform.task(servers[1], merchant)).toMatchObject({ code: 200, result });
      }
      const exchanges = platform.wechat.calls.filter(({ path }) => path === EXCHANGE);
      expect(exchanges.map(({ subject, errcode }) => `${subject} ${errcode}`).toSorted()).toEqual(
        MERCHANTS.map((merchant) => `${merchant} 0`).toSorted(),
      );
    });

    test('each code of the release check is exchanged once and sends one message, where both get its push', async () => {
      const { platform, servers } = await fleet();
      await using _platform = platform;
      const { wechat } = platform;
      await pushTo(platform, servers[0], { InfoType: 'component_verify_ticket' });
      const answers = TEST_ACCOUNTS.flatMap(([account, userName]) => {
        wechat.setAccount(account, { userName });
        const code = wechat.createAuthorizationCode(COMPONENT, account);
        return servers.map((server) => {
          platform.pushTo(server);
          return bodyOf(platform.pushText(account, `oTester-of-${account}`, `QUERY_AUTH_CODE:${code}`));
        });
      });
      expect(await Promise.all(answers)).toEqual(answers.map(() => ''));
      const sent = (): string[] => {
        const calls = wechat.calls.filter(({ path, errcode }) => path === SEND && errcode === 0);
        return calls.map(({ appid, subject }) => `${appid} ${subject}`).toSorted();
      };
      const expected = TEST_ACCOUNTS.map(([account]) => `${account} oTester-of-${account}`).toSorted();
      await expect.poll(sent).toEqual(expected);
      expect(wechat.countCalls(EXCHANGE)).toBe(TEST_ACCOUNTS.length);
    });

    test('of authorizations that follow one another, to one server or the other, the newest counts', async () => {
      const { platform, servers } = await fleet();
      await using _platform = platform;
      await pushTo(platform, servers[1], { InfoType: 'component_verify_ticket' });
      const merchants = MERCHANTS.slice(0, 5);
      await Promise.all(
        merchants.map(async (AuthorizerAppid, index) => {
          for (let turn = 0; turn < 6; turn++) {
            const server = servers[(index + turn) % 2] as ServeProcess;
            const fields = { InfoType: 'updateauthorized', AuthorizerAppid };
            expect(await isAccepted(pushTo(platform, server, fields))).toBe(true);
          }
        }),
      );
      for (const [index, merchant] of merchants.entries()) {
        const isUsable = async (): Promise<boolean> => {
          const { result } = await platform.task(servers[index % 2] as ServeProcess, merchant);
          return platform.wechat.isValid(String(result));
        };
        await expect.poll(isUsable).toBe(true);
      }
    });

    test('of tickets that come in any order, to either server, both keep the newest', async () => {
      const { platform, servers } = await fleet();
      await using _platform = platform;
      const now = Math.floor(Date.now() / 1_000);
      const agoSeconds = [50, 30, 40, 10, 20, 60, 0, 5, 15];
      const tickets = agoSeconds.map((ago) => ({
        InfoType: 'component_verify_ticket',
        CreateTime: now - ago,
        ComponentVerifyTicket: platform.wechat.pushVerifyTicket(COMPONENT),
      }));
      for (const [index, ticket] of tickets.entries()) {
        const newest = tickets.slice(0, index + 1).toSorted((one, other) => other.CreateTime - one.CreateTime)[0];
        const takers = index % 3 === 2 ? servers : [servers[index % 2] as ServeProcess];
        const answers = takers.map((server) => isAccepted(pushTo(platform, server, ticket)));
        expect(await Promise.all(answers)).toEqual(answers.map(() => true));
        for (const server of servers) {
          await expect.poll(() => storedTicket(server)).toBe(newest?.ComponentVerifyTicket);
        }
      }
    });
  });
}

function pushTo(platform: PushedPlatform, server: ServeProcess, fields: FakePushFields): Promise<FakePushAnswer> {
  platform.pushTo(server);
  return platform.push(fields);
}

async function bodyOf(answer: Promise<FakePushAnswer>): Promise<string> {
  return (await answer).body;
}

async function isAccepted(answer: Promise<FakePushAnswer>): Promise<boolean> {
  return (await answer).isAccepted;
}

async function storedTicket(server: ServeProcess): Promise<unknown> {
  const answer = await fetch(`${server.url}/tokens/${COMPONENT}/component_verify_ticket`);
  return ((await answer.json()) as { readonly value?: unknown }).value;
}
