import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { foreignMessage, foreignText } from '../../../../src/core/primitives/foreign-text.js';

const TOKEN = `74_${'aB3_-'.repeat(24)}`;

describe('the text of a server', () => {
  it.each([
    ['connect ECONNREFUSED 127.0.0.1:6379', 'connect ECONNREFUSED 127.0.0.1:6379'],
    ['no pg_hba.conf entry for host "10.0.0.9", user "app"', 'no pg_hba.conf entry for host "10.0.0.9", user "app"'],
    ['two\r\nlines\u0000', 'two lines'],
    ['cannot reach redis://:p@ss/w@host:6379/0', 'cannot reach redis://[redacted]@host:6379/0'],
    ['cannot reach postgres://app:pass@10.0.0.9/db now', 'cannot reach postgres://[redacted]@10.0.0.9/db now'],
    ['redis://:pass@host refused the connection', 'redis://[redacted]@host refused the connection'],
    [`bad value ${TOKEN} here`, 'bad value [redacted] here'],
    ['bad row (1, {"value":"short"}, 2)', 'bad row (1, [redacted]'],
    ['bad row { "value":"short"}', 'bad row [redacted]'],
    ['bad rows [{value:1}]', 'bad rows [redacted]'],
    ['bad rows [ {value:1}]', 'bad rows [redacted]'],
    ['near \'{\\"value\\":\\"short\\"}\'', "near '[redacted]"],
    [
      'getaddrinfo ENOTFOUND r-bp1zxszhcgatnx.redis.rds.aliyuncs.com',
      'getaddrinfo ENOTFOUND r-bp1zxszhcgatnx.redis.rds.aliyuncs.com',
    ],
  ])('the text of a server is shown without what may be a secret: %j', (text, shown) =>
    expect(foreignText(text)).toBe(shown),
  );

  it('the text of a server is cut at 300 characters', () => {
    expect(foreignText('ab '.repeat(100))).toBe('ab '.repeat(100).trim());
    expect(foreignText(`${'ab '.repeat(99)}abc`)).toBe(`${'ab '.repeat(99)}abc`);
    expect(foreignText('ab '.repeat(101))).toBe(`${'ab '.repeat(99)}...`);
    expect(foreignText('ab '.repeat(101))).toHaveLength(300);
  });

  it('the text of a server loses the values that a command carried, and the strings in their JSON', () => {
    const hidden = ['key/wx1/access_token', '{"value":"short-one","n":1}', 'shorter'];
    expect(foreignText("duplicate 'key/wx1/access_token'", hidden)).toBe("duplicate '[redacted]'");
    expect(foreignText('bad short-one, shorter', hidden)).toBe('bad [redacted], shorter');
  });

  it('the longest of the values that a command carried is looked for first', () => {
    const [short, long] = ['password', 'password-of-app'];
    for (const hidden of [
      [short, long],
      [long, short],
    ]) {
      expect(foreignText('bad password-of-app', hidden)).toBe('bad [redacted]');
    }
  });

  it('the text of a server keeps the quoted words of a value that is not JSON', () => {
    expect(foreignText('no column elsewhere', ['select "elsewhere"'])).toBe('no column elsewhere');
  });

  it('the text of a server is read up to the last whole word within 10,000 characters', () => {
    const before = `bad${'\n'.repeat(9_988)}`;
    const secret = 'short-secret';
    expect(foreignText(`${before}${secret} and more`, [secret])).toBe('bad');
    expect(foreignText(`${before}123456789`)).toBe('bad 123456789');
  });

  test('the text of a server never shows a token that a command carried, wherever it stands', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9_-]{8,600}$/);
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), token, fc.string({ maxLength: 400 }), (before, value, after) => {
        const shown = foreignText(before + value + after, [JSON.stringify({ value })]);
        expect(shown.includes(value) && !(before + after).includes(value) && !'[redacted]'.includes(value)).toBe(false);
        expect(shown.length).toBeLessThanOrEqual(300);
        expect(shown).not.toMatch(/[\r\n]/);
      }),
    );
  });
});

describe('the message of an error', () => {
  const several = new AggregateError([new Error('connect A'), new Error('connect B'), new Error('connect A')]);
  const many = new AggregateError(['', '1', '2', '3', '4'].map((text) => new Error(text)));
  const unreadable = Object.defineProperty({}, 'message', {
    get: () => {
      throw new Error('no');
    },
  });

  it.each([
    ['of one', new Error('said'), 'said'],
    ['of several, each once', several, 'connect A; connect B'],
    ['of the first four, without empty ones', many, '1; 2; 3'],
    ['of something of another realm', { message: 'said' }, 'said'],
    ['of what cannot be read', unreadable, ''],
    ['of nothing', undefined, ''],
    ['of a string', 'text', ''],
  ])('the message of an error is that %s', (_, error, message) => expect(foreignMessage(error)).toBe(message));
});
