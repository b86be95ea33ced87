// These are the types of node-easywechat that the example uses, because its own do not compile with every setting.
interface Answer {
  toObject(): Record<string, unknown>;
}

export declare class OfficialAccount {
  constructor(config: {
    readonly app_id: string;
    readonly secret: string;
    readonly use_stable_access_token?: boolean;
    readonly http?: { readonly baseURL: string };
  });
  getClient(): { get(path: string, options: { readonly params: Record<string, string> }): Promise<Answer> };
}
