// These are the types of wechat-api that the example uses, because the package comes without types.
declare module 'wechat-api' {
  // biome-ignore lint/style/noDefaultExport: it is how a class that is `module.exports` is imported.
  export default class WechatAPI {
    constructor(appid: string, secret: string);
    endpoint: string;
    getIp(done: (error: Error | null, answer: { ip_list: string[] }) => void): void;
  }
}
