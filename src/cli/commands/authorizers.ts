import type { JsonObject } from '../../core/primitives/json.js';
import type { CommandCall } from '../args/command.js';
import { keyOperands } from '../args/key-operands.js';
import { DESCRIBE, JSON_OUTPUT } from '../args/options.js';
import { listedPages } from '../client/listed-pages.js';
import { ServerClient } from '../client/server-client.js';
import { failureText } from '../failures/failure-text.js';
import type { CommandIo } from '../io/command-io.js';
import { paintFor } from '../output/paint.js';
import { textTable } from '../output/text-table.js';

const TITLES = ['ACCOUNT', 'KIND', 'STATE', 'SINCE', 'PERMISSIONS', 'NAME'];
const NONE = '-';
/** The number of failures after which no further account is asked about. */
const MAX_FAILURES = 5;

export async function authorizers({ operands, options, io }: CommandCall): Promise<number> {
  const { appid } = keyOperands(operands, options);
  const server = new ServerClient(options, io);
  const names = options.isSet(DESCRIBE) ? new Descriptions(server, appid, io) : undefined;
  const found: JsonObject[] = [];
  for await (const { members } of listedPages(server, { path: ['platform', appid, 'authorizers'] }, 'authorizers')) {
    for (const one of members) found.push(names === undefined ? one : await names.of(one));
  }
  // A directory lists its documents in the order of their hashed names.
  found.sort((one, other) => (String(one['appid']) < String(other['appid']) ? -1 : 1));
  if (options.isSet(JSON_OUTPUT)) for (const one of found) io.stdout.write(`${JSON.stringify(one)}\n`);
  else if (found.length === 0) io.stderr.write(`no account has authorized ${appid}\n`);
  else writeTable(found, io);
  return 0;
}

/** Asks for the names of the accounts that authorize the platform and have none yet. */
class Descriptions {
  readonly #server: ServerClient;
  readonly #component: string;
  readonly #io: CommandIo;
  #failures = 0;

  constructor(server: ServerClient, component: string, io: CommandIo) {
    this.#server = server;
    this.#component = component;
    this.#io = io;
  }

  /** Returns an account with its name, or as it is if that cannot be had. */
  async of(account: JsonObject): Promise<JsonObject> {
    const { appid, name, state } = account;
    const isNameless = typeof appid === 'string' && name === undefined && state === 'authorized';
    if (!isNameless || this.#failures >= MAX_FAILURES) return account;
    try {
      const { body } = await this.#server.ask({ path: ['platform', this.#component, 'authorizers', appid] });
      return { ...account, name: body['name'], kind: body['kind'], permissions: body['permissions'] };
    } catch (error) {
      this.#failures += 1;
      this.#io.stderr.write(`${appid} cannot be described: ${failureText(error)}\n`);
      return account;
    }
  }
}

function writeTable(found: readonly JsonObject[], { stdout, env }: CommandIo): void {
  for (const line of textTable(TITLES, found.map(rowOf), paintFor(stdout, env))) stdout.write(`${line}\n`);
}

function rowOf({ appid, kind, state, since, permissions, name }: JsonObject): readonly string[] {
  const day = typeof since === 'number' ? new Date(since).toISOString().slice(0, 10) : NONE;
  const sets = Array.isArray(permissions) && permissions.length > 0 ? permissions.join(',') : NONE;
  return [String(appid), wordOf(kind), wordOf(state), day, sets, wordOf(name)];
}

function wordOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : NONE;
}
