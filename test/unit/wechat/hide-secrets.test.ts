import { expect, it } from 'vitest';
import type { WeChatRequest } from '../../../src/core/model/refresher.js';
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
])('the values of a request are removed from a text: %s', (text, expected) => {
  expect(hideSecrets(text, REQUEST)).toBe(expected);
});

const SECRET = '0a1b2c3d4e5f60718293a4b5c6d7e8f9';
const TICKET = 'ticket@@@Q5r+t/Y"u 7Iop_0123456789';
const WITH_SECRETS: WeChatRequest = {
  method: 'POST',
  path: '/',
  body: { secret: SECRET, component_verify_ticket: TICKET },
};
const twice = (text: string): string => encodeURIComponent(encodeURIComponent(text));
const escaped = (text: string): string =>
  [...text].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

it.each([
  ['cut off', `invalid appsecret ${SECRET.slice(0, 20)}...`, 'invalid appsecret [redacted]...'],
  ['cut off at its beginning', `invalid ...${SECRET.slice(15)}`, 'invalid ...[redacted]'],
  ['in upper case', `bad ${SECRET.toUpperCase()}!`, 'bad [redacted]!'],
  ['broken in two', `bad ${SECRET.slice(0, 15)}\n${SECRET.slice(15)}`, 'bad [redacted]\n[redacted]'],
  ['in base64', `bad ${Buffer.from(`wx1:${SECRET}`).toString('base64')} x`, 'bad [redacted] x'],
  [
    'in a text in JSON',
    `bad ${JSON.stringify(JSON.stringify({ ticket: TICKET }))}`,
    'bad "{"ticket":"ticket@@@[redacted]"}"',
  ],
  ['percent-encoded twice', `bad ${twice(`a?t=${TICKET}`)}`, 'bad a?t=[redacted]'],
  ['in HTML', `bad ${TICKET.replaceAll('"', '&quot;')}`, 'bad [redacted]'],
  ['in escapes', `bad ${escaped(SECRET)}`, 'bad [redacted]'],
  ['with escaped slashes', `bad ${TICKET.replaceAll('/', '\\/')} x`, 'bad [redacted] x'],
  ['in a long text', `${'x '.repeat(4_990)}${SECRET}${SECRET}`, 'x '.repeat(4_990)],
])('a secret that comes back %s is removed', (_, text, expected) => {
  const shown = hideSecrets(text, WITH_SECRETS);
  expect(shown.replaceAll('ticket@@@[redacted]', '[redacted]')).toBe(
    expected.replaceAll('ticket@@@[redacted]', '[redacted]'),
  );
  expect(hideSecrets(`of the app: ${SECRET.slice(3, 20)}`, { method: 'GET', path: '/' }, SECRET)).toBe(
    'of the app: [redacted]',
  );
});

it.each([
  'invalid credential, access_token is invalid or not latest rid: 6541dfc5-1a2b3c4d-5e6f7a8b',
  'invalid appid wx0123456789abcdef of o6_bmjrPTlm6_2sgVt7hMZOPfL2M',
  'more at https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/authorized_interface_calling_credential_refresh.html',
  'invalid ip 203.0.113.7 ipv6 2001:db8:85a3:8d3:1319:8a2e:370:7348, not in whitelist',
  'invalid refreshtoken or ticket, 100%25 sure',
])('a text that helps to go on is kept: %s', (text) => {
  const refreshing = { method: 'GET', path: '/', query: { t: `refreshtoken@@@${SECRET}`, s: SECRET } } as const;
  expect(hideSecrets(text, refreshing)).toBe(text);
});

it('a text is unchanged when the request carried nothing', () => {
  expect(hideSecrets('some text', { method: 'GET', path: '/' })).toBe('some text');
});
