// These are the types of co-wechat-api that the example uses, because the package comes without types.
declare module 'co-wechat-api' {
  // biome-ignore lint/style/noDefaultExport: it is how a class that is `module.exports` is imported.
  export default class WechatAPI {
    constructor(
      appid: string,
      secret: string,
      getToken?: () => Promise<{ accessToken: string; expireTime: number }>,
      saveToken?: (token: { accessToken: string; expireTime: number } | null) => Promise<void>,
      tokenFromCustom?: boolean,
    );
    prefix: string;
    snsPrefix: string;
    wxaPrefix: string;
    customservicePrefix: string;
    setOpts(options: { beforeRequest: (request: object) => object }): void;
    registerTicketHandle(
      getTicket: (type: string) => Promise<{ ticket: string; expireTime: number }>,
      saveTicket: (type: string, ticket: { ticket: string; expireTime: number }) => Promise<void>,
    ): void;
    getIp(): Promise<{ ip_list: string[] }>;
    getLatestTicket(): Promise<{ ticket: string; expireTime: number }>;
  }
}
