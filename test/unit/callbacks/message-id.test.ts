import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withKeyInQuery } from '../../../src/callbacks/callback-query.js';
import { TypeNumbers } from '../../../src/callbacks/contract-type-numbers.js';
import { requestFor } from '../../../src/callbacks/delivery-message.js';
import { keyOfMessage, messageId } from '../../../src/callbacks/message-id.js';
import { signWebhook, verifyWebhook, type WebhookToVerify } from '../../../src/callbacks/webhook-signature.js';

const NUMBERS = new TypeNumbers(false);
const SECRET = Buffer.alloc(32, 1);
const AT = 1_767_225_600;
const CONTENT = { version: 3, expiresAt: AT * 1_000 + 7_200_000 };

function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

describe('message ids', () => {
  test.each([
    [{ appid: 'wx1', type: 'access_token' }, 'wx1\n0\n'],
    [{ appid: 'wx1', type: 'wx_card_ticket' }, 'wx1\nwx_card_ticket\n'],
    [{ appid: 'wx1', type: 'oauth2_access_token', subject: 'a&b=c/%d' }, 'wx1\n2\na&b=c/%d'],
  ])('the message id for %j hashes its query and adds the version and the expiry', (key, text) => {
    const url = withKeyInQuery('http://shop.test/a?appid=theirs&type=theirs', key, NUMBERS);
    expect(messageId(url, CONTENT)).toBe(`${sha(text)}-3-${CONTENT.expiresAt}`);
  });

  test('a message id matches its own URL only, absolute or as a server receives it', () => {
    const word = fc.stringMatching(/^[\x21-\x7e]{1,20}$/);
    const key = fc.record({ appid: word, type: word, subject: word }, { requiredKeys: ['appid', 'type'] });
    fc.assert(
      fc.property(key, key, (one, other) => {
        const [url, others] = [one, other].map((each) => withKeyInQuery('http://shop.test/a?b=c', each, NUMBERS)) as [
          URL,
          URL,
        ];
        const id = messageId(url, CONTENT);
        const own = Object.fromEntries(url.searchParams);
        for (const as of [url, url.pathname + url.search])
          expect({ b: 'c', ...keyOfMessage(as, id) }).toMatchObject(own);
        expect(keyOfMessage(others, id) !== undefined).toBe(url.search === others.search);
      }),
    );
  });

  test.each(['', 'msg_1', `${sha('wx1\n0\n')}-3`, `${sha('wx1\n0\n')}-3-4-5`, `${sha('wx1\n0\n')}-a-4`])(
    '%j is not a message id',
    (id) => {
      expect(keyOfMessage('/?appid=wx1&type=0', id)).toBeUndefined();
    },
  );

  test('the same version in a store made anew gets another message id', () => {
    const ids = [0, 1].map((later) => {
      const grant = {
        value: 'V',
        obtainedAt: AT * 1_000,
        expiresAt: CONTENT.expiresAt + later,
        dueAt: 0,
        refreshed: true,
      };
      const key = { appid: 'wx1', type: 'access_token' };
      const message = { key, notify: 'http://shop.test/', version: 3, secrets: [SECRET], typeNumbers: NUMBERS };
      return requestFor({ ...message, grant, endsAt: grant.expiresAt, now: AT * 1_000 }).headers?.['webhook-id'];
    });
    expect(ids).toEqual([0, 1].map((later) => `${sha('wx1\n0\n')}-3-${CONTENT.expiresAt + later}`));
  });
});

describe('webhooks that are verified with their URL', () => {
  const id = messageId(new URL('http://shop.test/a?appid=wx1&type=0'), CONTENT);
  const headers = signWebhook({ id, timestampSeconds: AT, body: '{}', secrets: [SECRET] });
  const received: WebhookToVerify = { headers, body: '{}', secret: SECRET, now: () => AT * 1_000 };

  test.each([
    '/a?appid=wx1&type=0',
    'https://elsewhere.test/?type=0&appid=wx1&subject=',
    new URL('http://a/?appid=wx1&type=0'),
  ])('a webhook is verified at %s', (url) => {
    expect(verifyWebhook({ ...received, url }).id).toBe(id);
  });

  test.each(['/a?type=1&appid=wx1&type=0', '/a?appid=wx2&subject=s&appid=wx1&type=0&subject='])(
    'a webhook that is verified at %s tells which of the values were signed',
    (url) => {
      expect(verifyWebhook({ ...received, url })).toEqual({ id, timestampSeconds: AT, appid: 'wx1', type: '0' });
    },
  );

  test('a webhook for a subject that is verified with its URL tells the subject', () => {
    const url = new URL('http://shop.test/a?appid=wx1&type=2&subject=s');
    const signed = { id: messageId(url, CONTENT), timestampSeconds: AT, body: '{}', secrets: [SECRET] };
    const verified = verifyWebhook({ ...received, headers: signWebhook(signed), url });
    expect(verified).toEqual({ id: signed.id, timestampSeconds: AT, appid: 'wx1', type: '2', subject: 's' });
  });

  test('a webhook that is verified without its URL tells no app', () => {
    expect(verifyWebhook(received)).toEqual({ id, timestampSeconds: AT });
  });

  test.each(['/a?appid=wx2&type=0', '/a?appid=wx1&type=1', '/a?appid=wx1&type=0&subject=s', '/a'])(
    'a webhook is refused at %s, for which it was not signed',
    (url) => {
      expect(() => verifyWebhook({ ...received, url })).toThrow('webhook-id does not belong to a message to this url');
    },
  );

  test.each(['//', '//:80', '///', '', 'http://[', '//?appid=wx2&type=0', '//:80#?appid=wx1&type=0'])(
    'a webhook is refused at %j, a path that the sender chose',
    (url) => {
      expect(() => verifyWebhook({ ...received, url })).toThrow(expect.objectContaining({ reason: 'wrong' }));
    },
  );

  test.each(['//?appid=wx1&type=0', '//:80?appid=wx1&type=0', '///?appid=wx1&type=0', '?appid=wx1&type=0#type=1'])(
    'a webhook is verified at %j by its query, whatever the path is',
    (url) => {
      expect(verifyWebhook({ ...received, url }).id).toBe(id);
    },
  );

  test('a wrong signature is refused before the URL is parsed', () => {
    const forged = { ...received, url: '//', body: '{ }' };
    expect(() => verifyWebhook(forged)).toThrow(
      'webhook-signature contains no valid signature of this body with this secret',
    );
  });

  test.each([1, null, {}])('verifyWebhook throws for the URL %j', (url) => {
    expect(() => verifyWebhook({ ...received, url: url as unknown as string })).toThrow(
      /^url must be a URL or its path and query/,
    );
  });
});
