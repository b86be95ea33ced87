// #region js-sdk-page
import { createServer, type Server } from 'node:http';
import { type JsSdkConfig, signJsSdk, type TokenManager } from 'wechat-token-manager';

/** @param site - where browsers see the pages, such as `https://www.example.com`. */
export function createPageServer(tokens: TokenManager, appid: string, site: string): Server {
  return createServer((request, response) => {
    const url = site + (request.url ?? '/'); // the address in the browser, query included
    signJsSdk(tokens, appid, url).then(
      (config) => response.setHeader('content-type', 'text/html; charset=utf-8').end(page(config)),
      () => response.writeHead(503).end(),
    );
  });
}

function page(config: JsSdkConfig): string {
  return `<!doctype html>
<script src="https://res.wx.qq.com/open/js/jweixin-1.6.0.js"></script>
<script>
  wx.config(${JSON.stringify({ ...config, jsApiList: ['scanQRCode'] })});
  wx.ready(() => wx.scanQRCode({ needResult: 1, success: (result) => alert(result.resultStr) }));
</script>`;
}
// #endregion
