import { expect, test } from 'vitest';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';

test('the fake answers calls about followers for valid tokens alone', async () => {
  const clock = new FakeClock();
  await using wechat = await FakeWeChat.start({ clock, apps: { wx1: { secret: 'canary-secret' } } });
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const sent = body && { method: 'POST', body: JSON.stringify(body) };
    return (await fetch(`${wechat.origin}${path}`, sent)).json();
  };
  const issued = await ask('/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=canary-secret');
  const { access_token: token } = issued as { access_token: string };
  const { data } = (await ask(`/cgi-bin/user/get?access_token=${token}`)) as { data: { openid: string[] } };
  const [openid = ''] = data.openid;
  expect(await ask(`/cgi-bin/user/info?access_token=${token}&openid=${openid}`)).toEqual({ subscribe: 1, openid });
  expect(await ask(`/cgi-bin/user/info?access_token=${token}&openid=stranger`)).toMatchObject({ subscribe: 0 });
  expect(await ask(`/cgi-bin/user/info?access_token=${token}`)).toMatchObject({ errcode: 40003 });
  const send = `/cgi-bin/message/custom/send?access_token=${token}`;
  expect(await ask(send, { touser: openid, msgtype: 'text' })).toEqual({ errcode: 0, errmsg: 'ok' });
  expect(await ask(send, { msgtype: 'text' })).toMatchObject({ errcode: 40003 });
  expect(await ask(send)).toMatchObject({ errcode: 43002 });
  expect(await ask('/cgi-bin/message/custom/send?access_token=x', { touser: openid })).toMatchObject({
    errcode: 40001,
  });
  expect(wechat.customMessages).toEqual([
    { at: clock.now(), appid: 'wx1', openid, body: { touser: openid, msgtype: 'text' } },
  ]);
  for (const path of ['/cgi-bin/user/get', '/cgi-bin/user/info']) {
    expect(await ask(`${path}?access_token=x`)).toMatchObject({ errcode: 40001 });
  }
});
