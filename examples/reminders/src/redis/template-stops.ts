import { keys } from './keys.js';
import type { Database } from './scripts.js';

export interface TemplateStop {
  readonly errcode: number;
  readonly errmsg: string;
  /** In epoch milliseconds. */
  readonly since: number;
}

/** Tells which templates are stopped because WeChat refuses whatever is sent with them. */
export class TemplateStops {
  readonly #database: Database;
  readonly #template: string;

  constructor(database: Database, template: string) {
    this.#database = database;
    this.#template = template;
  }

  async stop({ errcode, errmsg, since }: TemplateStop): Promise<void> {
    await this.#database.hset(keys.stop(this.#template), { errcode, errmsg, since });
  }

  async find(): Promise<TemplateStop | undefined> {
    const { errcode, errmsg = '', since } = await this.#database.hgetall(keys.stop(this.#template));
    if (errcode === undefined) return undefined;
    return { errcode: Number(errcode), errmsg, since: Number(since) };
  }

  /** Lets messages be sent again, once what was wrong has been mended. */
  async resume(): Promise<boolean> {
    return (await this.#database.del(keys.stop(this.#template))) === 1;
  }
}
