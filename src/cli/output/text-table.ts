import { onOneLine } from '../../core/primitives/redact.js';
import type { Paint } from './paint.js';

const GAP = '  ';

/** Returns the lines of a table. The last column may contain any text, and is not padded. */
export function textTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): readonly string[] {
  const shown = rows.map((row) => row.map(onOneLine));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...shown.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(column === row.length - 1 ? 0 : (widths[column] ?? 0)))
      .join(GAP)
      .trimEnd();
  return [paint('bold', line(titles)), ...shown.map(line)];
}
