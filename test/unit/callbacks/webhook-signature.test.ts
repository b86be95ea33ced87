import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import {
  appSecretOf,
  signWebhook,
  verifyWebhook,
  WebhookRefused,
  type WebhookSecret,
  type WebhookToVerify,
} from '../../../src/callbacks/webhook-signature.js';

const BYTES = Buffer.alloc(32, 'CANARY');
const SECRET = `whsec_${BYTES.toString('base64')}`;
const OTHER = Buffer.alloc(32, 'OTHER');
const BODY = '{"appid":"wx-a","name":"令牌"}';
const AT = 1_767_225_600;

const sent = signWebhook({ id: 'msg_1', timestampSeconds: AT, body: BODY, secrets: [SECRET] });
const throws = (): never => {
  throw new Error('CANARY');
};
const received = { headers: sent, body: BODY, secret: SECRET, now: () => AT * 1_000 } satisfies WebhookToVerify;

function refusalOf(change: Partial<WebhookToVerify>): string {
  try {
    verifyWebhook({ ...received, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(WebhookRefused);
    expect(inspect(error)).not.toMatch(/CANARY|Q0FOQVJZ/);
    return `${(error as WebhookRefused).reason}: ${(error as WebhookRefused).message}`;
  }
  return 'believed';
}

describe('signatures', () => {
  test('the signature is the HMAC-SHA256 of id, timestamp and body', () => {
    const signature = createHmac('sha256', BYTES).update(`msg_1.${AT}.${BODY}`).digest('base64');
    expect(sent).toEqual({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(AT),
      'webhook-signature': `v1,${signature}`,
    });
  });

  test('the signature of any body equals that of the package standardwebhooks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array({ minLength: 24, maxLength: 64 }), (body, secret) => {
        const ours = signWebhook({ id: 'msg_1', timestampSeconds: AT, body, secrets: [secret] });
        const reference = new Webhook(Buffer.from(secret).toString('base64'));
        expect(ours['webhook-signature']).toBe(reference.sign('msg_1', new Date(AT * 1_000), body));
      }),
    );
  });

  test('the package standardwebhooks verifies our signature, and we verify its signature', () => {
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const headers = signWebhook({ id: 'msg_1', timestampSeconds, body: BODY, secrets: [OTHER, SECRET] });
    expect(new Webhook(SECRET).verify(BODY, headers)).toEqual(JSON.parse(BODY));
    const theirs = new Webhook(SECRET).sign('msg_1', new Date(timestampSeconds * 1_000), BODY);
    const verified = verifyWebhook({
      headers: { ...headers, 'webhook-signature': theirs },
      body: BODY,
      secret: SECRET,
    });
    expect(verified).toEqual({ id: 'msg_1', timestampSeconds });
  });

  test('each secret adds a signature, and a receiver with either secret verifies it', () => {
    const headers = signWebhook({ id: 'msg_1', timestampSeconds: AT, body: BODY, secrets: [OTHER, SECRET] });
    expect(headers['webhook-signature']).toMatch(/^v1,\S{44} v1,\S{44}$/);
    expect([SECRET, BYTES, OTHER].map((secret) => refusalOf({ headers, secret }))).toEqual(Array(3).fill('believed'));
  });

  test('text and its bytes have the same signature, and bytes that are no text are verified', () => {
    const body = Buffer.from([0xff, 0x00, 0xfe]);
    const headers = signWebhook({ id: 'msg_1', timestampSeconds: AT, body, secrets: [SECRET] });
    expect(refusalOf({ body: Buffer.from(BODY) })).toBe('believed');
    expect(refusalOf({ headers, body })).toBe('believed');
    expect(refusalOf({ headers, body: body.toString() })).toMatch(/^wrong/);
  });
});

test("the secret of an app is the HMAC-SHA256 of its appid, and no other app's secret verifies", () => {
  const [secret, other] = [appSecretOf(SECRET, 'wx-a'), appSecretOf(BYTES, 'wx-b')];
  expect(secret).toEqual(createHmac('sha256', BYTES).update('wx-a').digest());
  const headers = signWebhook({ id: 'msg_1', timestampSeconds: AT, body: BODY, secrets: [secret] });
  expect(refusalOf({ headers, secret })).toBe('believed');
  expect(refusalOf({ headers, secret: `whsec_${secret.toString('base64')}` })).toBe('believed');
  expect([other, SECRET].map((wrong) => refusalOf({ headers, secret: wrong }).split(':')[0])).toEqual([
    'wrong',
    'wrong',
  ]);
});

describe('verifyWebhook', () => {
  const upper = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toUpperCase(), value]));
  const signature = sent['webhook-signature'];

  test.each([
    ['as they were made', sent],
    ['with other capitals', upper],
    ['as Headers', new Headers(sent)],
    ['as a Map', new Map(Object.entries(sent)) as never],
    ['with one value in an array', { ...sent, 'webhook-signature': [signature] }],
    ['with several values in an array', { ...sent, 'webhook-signature': ['v1,wrong', signature] }],
    ['with signatures of other versions', { ...sent, 'webhook-signature': `v1a,x ${signature} v2,` }],
  ])('verifyWebhook takes headers %s', (_, headers) => {
    expect(refusalOf({ headers })).toBe('believed');
  });

  test.each([
    ['webhook-id', undefined, 'missing: the header webhook-id is missing'],
    ['webhook-timestamp', '', 'missing: the header webhook-timestamp is missing'],
    ['webhook-signature', undefined, 'missing: the header webhook-signature is missing'],
    ['webhook-id', 'msg_2', 'wrong: webhook-signature contains no valid signature of this body with this secret'],
    ['webhook-id', 'msg.1', 'malformed: the header webhook-id is malformed'],
    ['webhook-timestamp', `${AT}.0`, 'malformed: the header webhook-timestamp is malformed'],
    ['webhook-timestamp', '-1', 'malformed: the header webhook-timestamp is malformed'],
    [
      'webhook-timestamp',
      `${AT + 1}`,
      'wrong: webhook-signature contains no valid signature of this body with this secret',
    ],
    ['webhook-signature', 'v1,', 'wrong: webhook-signature contains no valid signature of this body with this secret'],
    [
      'webhook-signature',
      signature.slice(3),
      'wrong: webhook-signature contains no valid signature of this body with this',
    ],
    [
      'webhook-signature',
      signature.replace('v1', 'v2'),
      'wrong: webhook-signature contains no valid signature of this body',
    ],
    ['webhook-signature', signature.toLowerCase(), 'wrong: webhook-signature contains no valid signature of this body'],
    ['webhook-signature', `${signature}x`, 'wrong: webhook-signature contains no valid signature of this body'],
  ])('verifyWebhook refuses the header %s as %j', (name, value, reason) => {
    expect(refusalOf({ headers: { ...sent, [name]: value } })).toContain(reason);
  });

  test.each([
    [-301, 'new: webhook-timestamp is 301 s ahead, and 300 s are allowed'],
    [-300, 'believed'],
    [-299, 'believed'],
    [299, 'believed'],
    [300, 'believed'],
    [301, 'old: webhook-timestamp is 301 s ago, and 300 s are allowed'],
  ])('verifyWebhook judges a webhook %i s after it was signed: %s', (age, outcome) => {
    expect(refusalOf({ now: () => (AT + age) * 1_000 })).toBe(outcome);
  });

  test.each<[unknown, string]>([
    [5, 'now must be a function, got a number'],
    [() => Number.NaN, 'what now returns must be a number from 0 to 9007199254740991, got NaN'],
    [() => new Date(), 'what now returns must be a number from 0 to 9007199254740991, got an object'],
    [async () => AT, 'what now returns must be a number from 0 to 9007199254740991, got an object'],
  ])('verifyWebhook rejects a wrong clock: %#', (now, message) => {
    expect(() => verifyWebhook({ ...received, now: now as () => number })).toThrow(new TypeError(message));
  });

  test.each<[unknown, string]>([
    [{ get: throws }, 'headers: webhook-id cannot be read'],
    [new Proxy({}, { ownKeys: throws }), 'headers: webhook-id cannot be read'],
    [{ ...sent, 'webhook-timestamp': AT }, 'headers: webhook-timestamp must be a string, got a number'],
  ])('verifyWebhook rejects wrong headers: %#', (headers, message) => {
    expect(() => verifyWebhook({ ...received, headers: headers as never })).toThrow(new TypeError(message));
  });

  test('toleranceSeconds may be 0', () => {
    expect(refusalOf({ toleranceSeconds: 0 })).toBe('believed');
    expect(refusalOf({ toleranceSeconds: 0, now: () => (AT + 1) * 1_000 })).toMatch(/^old/);
  });

  test('verifyWebhook refuses another body and another secret', () => {
    expect(refusalOf({ body: `${BODY} ` })).toMatch(/^wrong/);
    expect(refusalOf({ secret: OTHER })).toMatch(/^wrong/);
  });

  test('verifyWebhook refuses any signature that was not made with the secret', () => {
    const value = fc.oneof(
      fc.string(),
      fc.base64String({ minLength: 44, maxLength: 44 }).map((text) => `v1,${text}`),
    );
    fc.assert(
      fc.property(value, (wrong) => {
        expect(refusalOf({ headers: { ...sent, 'webhook-signature': wrong } })).toMatch(/^(wrong|missing|malformed)/);
      }),
    );
  });
});

describe('misuse', () => {
  const form = 'must be 24 to 64 bytes, as a Uint8Array or as whsec_ and their base64, got';

  test.each<[unknown, string]>([
    [BYTES.toString('base64'), `secret ${form} a string`],
    [`whsec_${BYTES.toString('base64')}\n`, 'secret must not end with white space (U+000A)'],
    [`'whsec_${BYTES.toString('base64')}'`, 'secret must not be in quotation marks'],
    [`\u200bwhsec_${BYTES.toString('base64')}`, 'secret must not begin with an invisible character (U+200B)'],
    ['whsec_', `secret ${form} a string`],
    [`whsec_${'Q0FOQVJZ'.repeat(2)}`, `secret ${form} 12 bytes`],
    [new Uint8Array(23), `secret ${form} 23 bytes`],
    [new Uint8Array(65), `secret ${form} 65 bytes`],
    [undefined, `secret ${form} undefined`],
  ])('the error for a malformed secret shows nothing of it', (secret, message) => {
    expect(() => verifyWebhook({ ...received, secret: secret as WebhookSecret })).toThrow(new TypeError(message));
    expect(() => appSecretOf(secret as WebhookSecret, 'wx-a')).toThrow(new TypeError(message));
  });

  test.each<[Partial<WebhookToVerify>, string]>([
    [{ body: JSON.parse(BODY) }, 'body must be the raw body as a string or Uint8Array, got an object'],
    [{ headers: undefined as never }, 'headers must be an object, got undefined'],
    [{ toleranceSeconds: -1 }, 'toleranceSeconds must be a number from 0 to 31536000, got -1'],
    [{ toleranceSeconds: Number.NaN }, 'toleranceSeconds must be a number from 0 to 31536000, got NaN'],
  ])('verifyWebhook names the wrong option: %j', (change, message) => {
    expect(() => verifyWebhook({ ...received, ...change })).toThrow(new TypeError(message));
  });

  test.each([
    [{ id: 'a.b' }, 'id must be 1 to 256 printable ASCII characters without spaces and full stops'],
    [{ id: '' }, 'id must be 1 to 256 printable ASCII'],
    [{ id: 'a\r\nb' }, 'id must be 1 to 256 printable ASCII'],
    [{ timestampSeconds: 1.5 }, 'timestampSeconds must be a whole number, got 1.5'],
    [{ timestampSeconds: AT * 1_000 }, 'timestampSeconds must be a number from 0 to'],
    [{ secrets: [] }, 'secrets must be an array of at least one secret'],
    [{ secrets: SECRET as never }, 'secrets must be an array of at least one secret, got a string'],
    [{ secrets: [SECRET, 'CANARY'] }, `secrets[1] ${form} a string`],
  ])('signWebhook names the wrong option: %j', (change, message) => {
    const sign = (): unknown => signWebhook({ id: 'a', timestampSeconds: AT, body: '', secrets: [SECRET], ...change });
    expect(sign).toThrow(TypeError);
    expect(sign).toThrow(message);
  });
});

test.each([undefined, Symbol('CANARY'), 7, {}])('appSecretOf rejects the appid %#', (appid) => {
  expect(() => appSecretOf(SECRET, appid as string)).toThrow(/^appid must be a string, got /);
});
