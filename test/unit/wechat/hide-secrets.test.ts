import { expect, it } from 'vitest';
import type { WeChatRequest } from '../../../src/core/refresher.js';
import { hideSecrets } from '../../../src/wechat/hide-secrets.js';

const REQUEST: WeChatRequest = {
  method: 'POST',
  path: '/',
  query: { access_token: 'tok|en=123', appid: 'wx0123456789abcdef', type: 'jsapi' },
  body: {
    secret: 'secret-1',
    nested: [{ deep: 'secret-1-longer' }],
    count: 3,
    none: null,
    grant_type: 'client_credential',
  },
};

it.each([
  ['no secret here', 'no secret here'],
  ['bad tok|en=123 twice tok|en=123', 'bad [redacted] twice [redacted]'],
  ['escaped tok%7Cen%3D123', 'escaped [redacted]'],
  ['secret-1-longer before secret-1', '[redacted] before [redacted]'],
  ['jsapi of wx0123456789abcdef, client_credential', 'jsapi of wx0123456789abcdef, client_credential'],
])('what a request carried is removed from foreign text: %s', (text, expected) => {
  expect(hideSecrets(text, REQUEST)).toBe(expected);
});

it('text stays as it is when the request carried nothing', () => {
  expect(hideSecrets('some text', { method: 'GET', path: '/' })).toBe('some text');
});
