import { describe, expect, test } from 'vitest';
import { checkedForwardRules, matches, type SelectedFields } from '../../../../src/platform/forwarding/forward-rule.js';

const url = 'https://hooks.example.com/wechat?key=CANARY';
const TEXT = { appid: 'wxshop', msgType: 'text' };
const CLICK = { appid: 'wxmerchant', component: 'wxplatform', msgType: 'event', event: 'CLICK' };
const ICP = { appid: 'wxplatform', component: 'wxplatform', infoType: 'notify_icpfiling_verify_result' };

describe('a rule of forwarding', () => {
  test.each<[string, object, SelectedFields[]]>([
    ['nothing', {}, [TEXT, CLICK, ICP]],
    ['an app', { appid: 'wxshop' }, [TEXT]],
    ['a platform', { component: 'wxplatform' }, [CLICK, ICP]],
    ['a type of messages', { msgType: 'text' }, [TEXT]],
    ['a list of types', { msgType: ['event', 'text'] }, [TEXT, CLICK]],
    ['an event', { event: 'CLICK' }, [CLICK]],
    ['an event in another spelling', { event: 'click' }, []],
    ['a type and an event', { msgType: ['text', 'event'], event: ['VIEW', 'CLICK'] }, [CLICK]],
    ['an InfoType', { infoType: 'notify_icpfiling_verify_result' }, [ICP]],
    ['a platform and another account', { component: 'wxplatform', appid: 'wxshop' }, []],
  ])('that names %s matches accordingly', (_case, selectors, expected) => {
    const [rule] = checkedForwardRules([{ ...selectors, url }], {});
    expect([TEXT, CLICK, ICP].filter((push) => rule !== undefined && matches(rule, push))).toEqual(expected);
  });

  test('does not change when its author changes the list afterwards', () => {
    const appid = ['wxshop'];
    const [rule] = checkedForwardRules([{ appid, url }], {});
    appid[0] = 'wxother';
    expect(rule !== undefined && matches(rule, TEXT)).toBe(true);
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, 'forward must be an array, got an object'],
    ['a URL instead of a rule', [url], 'forward[0] must be an object, got a string'],
    [
      'an unknown name',
      [{ url }, { url, msgtype: 'text' }],
      'forward[1]: unknown name "msgtype", expected one of infoType',
    ],
    ['an empty text', [{ url, event: '' }], 'forward[0].event must be a text of 1 to 128 characters, got ""'],
    ['a number', [{ url, appid: ['wx1', 7] }], 'forward[0].appid[1] must be a text of 1 to 128 characters, got 7'],
    ['an empty list', [{ url, appid: [] }], 'forward[0].appid must not be an empty list'],
    ['no URL', [{ appid: 'wx1' }], 'forward[0].url: A callback URL must be a string, got undefined'],
    [
      'a URL with a password',
      [{ url: 'https://me:CANARY@a.test/' }],
      'forward[0].url: A callback URL must not contain credentials (host a.test)',
    ],
    [
      'the address of metadata',
      [{ url: 'http://169.254.169.254/' }],
      'forward[0].url: A callback URL must not lead to 169.254.169.254: metadata',
    ],
    [
      'another scheme',
      [{ url: 'ftp://a.test/CANARY' }],
      'forward[0].url: A callback URL must begin with http:// or https://',
    ],
    [
      'a host that is not allowed',
      [{ url: 'https://b.test/CANARY' }],
      'forward[0].url: A callback URL must name one of the allowed hosts, not b.test',
    ],
    [
      'both kinds of types',
      [{ url, infoType: 'x', msgType: 'text' }],
      'forward[0] can never match: no push has both infoType and msgType',
    ],
    [
      'an event of a platform',
      [{ url, infoType: 'x', event: 'CLICK' }],
      'forward[0] can never match: no push has both infoType and event',
    ],
    [
      'an event of a text',
      [{ url, msgType: 'text', event: 'CLICK' }],
      'forward[0] can never match: only messages whose msgType is event',
    ],
    [
      'tickets',
      [{ url, infoType: ['x', 'component_verify_ticket'] }],
      'forward[0].infoType must not name component_verify_ticket',
    ],
    ['authorizations', [{ url, infoType: 'updateauthorized' }], 'forward[0].infoType must not name updateauthorized'],
  ])('is refused with %s, and shows nothing of a URL but its host', (_case, rules, message) => {
    const check = (): unknown =>
      checkedForwardRules(rules, { allowHosts: ['hooks.example.com', 'a.test', '169.254.169.254'] });
    expect(check).toThrow(TypeError);
    expect(check).toThrow(message);
    expect(check).not.toThrow('CANARY');
  });
});
