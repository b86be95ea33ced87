import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { shortDuration } from '../args/duration.js';
import type { Colour, Paint } from './paint.js';
import { shown } from './shown.js';

interface AppRow {
  readonly cells: readonly string[];
  readonly colour: Colour;
}

const TITLES: readonly string[] = ['APP', 'PUSHES', 'KEYS', 'LAST PUSH', 'VERIFY TICKET'];
const GAP = '  ';

/**
 * Formats the pushes to apps as a table.
 *
 * @param apps - the apps in the server's answer. The server may be of another version.
 */
export function appLines(apps: readonly JsonObject[], now: number, paint: Paint): readonly string[] {
  const rows = apps.map((app) => rowOf(app, now));
  const widths = TITLES.map((title, column) =>
    Math.max(title.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], colourOf: (column: number) => Colour | undefined): string =>
    cells
      .map((cell, column) => {
        const isLast = column === cells.length - 1;
        const text = isLast ? cell : cell.padEnd(widths[column] ?? 0);
        const colour = colourOf(column);
        return colour === undefined || text === '' ? text : paint(colour, text);
      })
      .join(GAP)
      .trimEnd();
  const head = line(TITLES, () => 'bold');
  return [head, ...rows.map(({ cells, colour }) => line(cells, (column) => (column === 4 ? colour : undefined)))];
}

function rowOf({ appid, push, verifyTicket }: JsonObject, now: number): AppRow {
  const isMissing = isJsonObject(verifyTicket) && verifyTicket['missing'] === true;
  const { mode, keys, lastPushAt } = isJsonObject(push) ? push : {};
  return {
    cells: [
      shown(appid),
      isJsonObject(push) ? shown(mode) : '-',
      isJsonObject(push) ? shown(keys) : '-',
      typeof lastPushAt === 'number' ? `${shortDuration(now - lastPushAt)} ago` : '-',
      isJsonObject(verifyTicket) ? ticketOf(verifyTicket, now) : '-',
    ],
    colour: isMissing ? 'red' : 'green',
  };
}

function ticketOf({ obtainedAt, missing, reason, remedy }: JsonObject, now: number): string {
  const age = typeof obtainedAt === 'number' ? `${shortDuration(now - obtainedAt)} old` : 'none yet';
  return missing === true ? `${age}: ${shown(reason)}. ${shown(remedy)}` : age;
}
