import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { listedPages } from '../client/listed-pages.js';
import type { ServerClient } from '../client/server-client.js';
import type { CommandIo } from '../io/command-io.js';
import { appLines } from '../output/app-table.js';
import { paintFor } from '../output/paint.js';

export interface ListedApps {
  /** The apps, as the server has sent them. */
  readonly apps: readonly JsonObject[];
  readonly answeredAt: number;
}

/**
 * Reads the apps of a server, sorted; none if it is of an earlier release, which does not list them.
 *
 * @param appid - the only app that is read; `undefined` for all.
 */
export async function readApps(server: ServerClient, appid: string | undefined): Promise<ListedApps> {
  const apps: JsonObject[] = [];
  let answeredAt = Date.now();
  for await (const page of listedPages(server, { path: ['apps'], query: { appid }, isNew: true }, 'apps')) {
    apps.push(...page.members);
    answeredAt = page.answeredAt;
  }
  // A directory lists its documents in the order of their hashed names.
  apps.sort((one, other) => (String(one['appid']) < String(other['appid']) ? -1 : 1));
  return { apps, answeredAt };
}

/** Writes apps as a table, or as JSON. */
export function writeApps(
  { apps, answeredAt }: ListedApps,
  { asJson }: { readonly asJson: boolean },
  io: CommandIo,
): void {
  const { stdout, stderr, env } = io;
  if (asJson) for (const app of apps) stdout.write(`${JSON.stringify(app)}\n`);
  else if (apps.length === 0) stderr.write('there are no apps\n');
  else for (const line of appLines(apps, answeredAt, paintFor(stdout, env))) stdout.write(`${line}\n`);
}

/** Writes those apps to which WeChat pushes below the tasks. */
export function writePushes({ apps, answeredAt }: ListedApps, io: CommandIo): void {
  const pushed = apps.filter(({ push, verifyTicket }) => isJsonObject(push) || isJsonObject(verifyTicket));
  if (pushed.length === 0) return;
  io.stdout.write('\n');
  writeApps({ apps: pushed, answeredAt }, { asJson: false }, io);
}
