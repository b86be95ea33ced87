import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../src/testing/index.js';
import { cardSignature, signCard } from '../../../src/wechat/sign-card.js';

/** The values of WeChat's own example. The blank at the end of the ticket is part of it. */
const TICKET = 'ojZ8YtyVyr30HheH3CM73y7h4jJE ';
const CARD_ID = 'pjZ8Yt1XGILfi-FUsewpnnolGgZk';
const CODE = 'jonyqin_1434008071';

describe('cardSignature', () => {
  it('the signature of a card is the one that WeChat publishes', () => {
    const signature = cardSignature([CODE, '1404896688', CARD_ID, TICKET, 'jonyqin']);
    expect(signature).toBe('6b81fbf6af16e856334153b39737556063c82689');
  });

  it('the signature is that of the values in the order of their characters, upper case before lower case', () => {
    // The SHA-1 of "1BaZ_b", computed by sha1sum.
    expect(cardSignature(['b', 'aZ_', '1', 'B'])).toBe('5d76724a8bb09ea510be953552ca9723cb4fc678');
  });

  it('the order of the values and absent ones make no difference', () => {
    const shuffled = fc
      .array(fc.string())
      .chain((values) => fc.tuple(fc.constant(values), fc.shuffledSubarray(values, { minLength: values.length })));
    fc.assert(
      fc.property(shuffled, ([values, others]) => {
        expect(cardSignature([undefined, ...others, undefined])).toBe(cardSignature(values));
      }),
    );
  });
});

describe('signCard', () => {
  const clock = new FakeClock({ now: 1_404_896_688_999 });

  it('signCard signs for wx.addCard: the ticket, the time, the nonce, the card, its code and its user', async () => {
    const get = vi.fn(async () => TICKET);
    const card = await signCard({ get }, 'wx1', { cardId: CARD_ID, code: CODE, openid: 'o1', clock });
    expect(get).toHaveBeenCalledExactlyOnceWith('wx1', 'wx_card_ticket', {});
    expect(card.cardId).toBe(CARD_ID);
    expect(card.nonceStr).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(card.cardExt)).toEqual({
      code: CODE,
      openid: 'o1',
      timestamp: '1404896688',
      nonce_str: card.nonceStr,
      signature: cardSignature([TICKET, '1404896688', card.nonceStr, CARD_ID, CODE, 'o1']),
    });
    expect(JSON.stringify(card)).not.toContain(TICKET.trim());
  });

  it('signCard signs for wx.chooseCard: the ticket, the app, the time, the nonce, the card, its kind and the shop', async () => {
    const options = { cardId: CARD_ID, cardType: 'GROUPON', shopId: '1234', code: CODE, clock };
    const { cardExt, nonceStr, ...card } = await signCard({ get: async () => TICKET }, 'wx1', options);
    expect(card).toEqual({
      cardId: CARD_ID,
      cardType: 'GROUPON',
      shopId: '1234',
      timestamp: 1_404_896_688,
      signType: 'SHA1',
      cardSign: cardSignature([TICKET, 'wx1', '1404896688', nonceStr, CARD_ID, 'GROUPON', '1234']),
    });
    expect(JSON.parse(cardExt)['signature']).toBe(cardSignature([TICKET, '1404896688', nonceStr, CARD_ID, CODE]));
  });

  it.each([[{}], [{ cardId: undefined, code: undefined, openid: undefined }], [undefined]])(
    'signCard leaves out what is absent: %j',
    async (options) => {
      const card = await signCard({ get: async () => TICKET }, 'wx1', options);
      expect(Object.keys(card).sort()).toEqual(['cardExt', 'cardSign', 'nonceStr', 'signType', 'timestamp']);
      const { nonceStr, timestamp } = card;
      expect(card.cardSign).toBe(cardSignature([TICKET, 'wx1', String(timestamp), nonceStr]));
      expect(Object.keys(JSON.parse(card.cardExt))).toEqual(['timestamp', 'nonce_str', 'signature']);
    },
  );

  it('signCard signs for an account of a platform with the ticket and the appid of the account', async () => {
    const get = vi.fn(async () => TICKET);
    const { nonceStr, cardSign } = await signCard({ get }, 'wx1', { subject: 'wx2', clock });
    expect(get).toHaveBeenCalledExactlyOnceWith('wx1', 'wx_card_ticket', { subject: 'wx2' });
    expect(cardSign).toBe(cardSignature([TICKET, 'wx2', '1404896688', nonceStr]));
  });

  it('signCard uses the time of the machine and a new nonce each time', async () => {
    const tokens = { get: async () => TICKET };
    const [one, two] = await Promise.all([signCard(tokens, 'wx1'), signCard(tokens, 'wx1')]);
    expect(one.nonceStr).not.toBe(two.nonceStr);
    expect(Math.abs(one.timestamp - Date.now() / 1000)).toBeLessThan(5);
  });

  it.each<[unknown, object, string]>([
    [undefined, {}, 'tokens must be an object with a function get, got undefined'],
    [{ get: async () => TICKET }, { clock: Date }, 'clock must be an object with a function now, got a function'],
    [
      { get: async () => TICKET },
      { card_id: 'CANARY' },
      'the options of signCard: unknown name "card_id", expected one of cardId, code, openid, cardType, shopId, subject, clock',
    ],
    ...['cardId', 'code', 'openid', 'cardType', 'shopId'].map((name): [unknown, object, string] => [
      { get: () => expect.fail('the ticket was asked for') },
      { [name]: '' },
      `${name} must be a string that is not empty, got an empty string`,
    ]),
    [{ get: async () => TICKET }, { code: 7 }, 'code must be a string that is not empty, got a number'],
  ])('signCard names the wrong argument: %#', async (tokens, options, message) => {
    await expect(signCard(tokens as never, 'wx1', options)).rejects.toThrow(new TypeError(message));
  });
});
