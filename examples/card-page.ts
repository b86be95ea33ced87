// #region card-page
import { createServer, type Server } from 'node:http';
import { signCard, type TokenManager } from 'wechat-token-manager';

/** The server signs at each request, because WeChat accepts a signature once. */
export function createCardServer(tokens: TokenManager, appid: string, cardId: string): Server {
  return createServer((_request, response) => {
    signCard(tokens, appid, { cardId }).then(
      (card) => response.setHeader('content-type', 'application/json').end(JSON.stringify(card)),
      () => response.writeHead(503).end(),
    );
  });
}

/** The script of a page that has called `wx.config` with `addCard` and `chooseCard` in its `jsApiList`. */
export const cardScript = `
  const sign = () => fetch('/card', { method: 'POST' }).then((response) => response.json());

  async function addToWallet() {
    const { cardId, cardExt } = await sign();
    wx.addCard({ cardList: [{ cardId, cardExt }] });
  }

  async function chooseFromWallet() {
    const card = await sign();
    wx.chooseCard({ ...card, success: ({ cardList }) => console.log(cardList) });
  }`;
// #endregion
