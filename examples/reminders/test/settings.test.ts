import { describe, expect, test } from 'vitest';
import { readSettings } from '../src/settings.js';
import { parseTemplate } from '../src/template.js';

const GOOD = { WECHAT_APPID: 'wx0123456789abcdef', WECHAT_SECRET: 'secret', REMINDERS_TEMPLATE: 'template-1' };

describe('the settings', () => {
  test('only an app and a template are required', () => {
    expect(readSettings(GOOD)).toMatchObject({
      port: 3_000,
      redisUrl: 'redis://127.0.0.1:6379',
      origin: 'https://api.weixin.qq.com',
      template: { id: 'template-1', fields: { thing1: 'detail', time2: 'time' } },
      lockMs: 30_000,
    });
  });

  test.each([
    ['WECHAT_APPID', ''],
    ['WECHAT_SECRET', undefined],
    ['WECHAT_SECRET', ' secret-x'],
    ['REMINDERS_TEMPLATE', 'two words'],
    ['REMINDERS_TEMPLATE', '{"id":1}'],
    ['REMINDERS_TEMPLATE', '{"id":"t","fields":{"thing1":"secret-x"}}'],
    ['REMINDERS_TEMPLATE', '{"id":"t","fields":{}}'],
    ['REMINDERS_TEMPLATE', '{"id":"t","field":{"thing1":"detail"}}'],
    ['REMINDERS_TEMPLATE', '{"id":" t"}'],
    ['REMINDERS_TEMPLATE', '"t"'],
    ['LOG_LEVEL', 'verbose'],
    ['PORT', '80a'],
    ['PORT', '65536'],
    ['REDIS_URL', 'localhost:6379'],
    ['WECHAT_ORIGIN', 'https://api.weixin.qq.com/cgi-bin'],
    ['WECHAT_ORIGIN', 'secret-x'],
    ['REMINDERS_FAST_CLOCK', '120'],
    ['REMINDERS_FAST_CLOCK', '0,1,1'],
    ['REMINDERS_LOCK_MS', '499'],
  ])('an error names %s when it is %j, and never a secret', (name, value) => {
    const read = (): unknown => readSettings({ ...GOOD, [name]: value });
    expect(read).toThrow(TypeError);
    expect(read).toThrow(name);
    expect(read).not.toThrow(/secret-x/);
  });
});

test('a template may name its page and its fields', () => {
  const text = '{"id":"t","page":"pages/tea?id={contentId}","fields":{"thing3":"detail"}}';
  expect(parseTemplate(text)).toEqual({ id: 't', page: 'pages/tea?id={contentId}', fields: { thing3: 'detail' } });
});
