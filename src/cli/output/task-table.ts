import type { Paint } from './paint.js';
import type { TaskRow } from './task-row.js';

type Column = Exclude<keyof TaskRow, 'colour'>;

const TITLES: Readonly<Record<Column, string>> = {
  app: 'APP',
  type: 'TYPE',
  subject: 'SUBJECT',
  state: 'STATE',
  left: 'LEFT',
  next: 'REFRESH',
  trouble: 'LAST ERROR',
};
/** The columns before the last one, which gets the remaining width. */
const COLUMNS: readonly Column[] = ['app', 'type', 'subject', 'state', 'left', 'next'];
const GAP = '  ';
const LEAST_TROUBLE = 24;

/** Formats tasks as a table, page by page, or as a list if the terminal is too narrow. */
export class TaskTable {
  readonly #paint: Paint;
  /** The width of the terminal; `undefined` if lines need not be cut. */
  readonly #width: number | undefined;
  readonly #widths: Map<Column, number> = new Map();
  /** Whether rows are shown as a table, which the first page decides. */
  #isTable: boolean | undefined;
  #hasHead = false;

  constructor(paint: Paint, width: number | undefined) {
    this.#paint = paint;
    this.#width = width;
  }

  /** Returns the lines of further tasks. A column never becomes narrower than on the pages before. */
  lines(rows: readonly TaskRow[]): readonly string[] {
    for (const column of COLUMNS) this.#widths.set(column, this.#widthOf(column, rows));
    const room = this.#roomForTrouble();
    const needsRoom = rows.some(({ trouble }) => trouble.length > room);
    this.#isTable ??= room >= 0 && (room >= LEAST_TROUBLE || !needsRoom);
    if (!this.#isTable) return rows.flatMap((row) => this.#block(row));
    const head = this.#hasHead ? [] : [this.#line(TITLES, room, (text) => this.#paint('bold', text))];
    this.#hasHead = true;
    return [...head, ...rows.map((row) => this.#line(row, room, (text) => this.#paint(row.colour, text), 'state'))];
  }

  /** Returns the width of a column. The column of subjects has none if no task has a subject. */
  #widthOf(column: Column, rows: readonly TaskRow[]): number {
    const widest = Math.max(0, ...rows.map((row) => row[column].length), this.#widths.get(column) ?? 0);
    return column === 'subject' && widest === 0 ? 0 : Math.max(widest, TITLES[column].length);
  }

  #roomForTrouble(): number {
    if (this.#width === undefined) return Number.POSITIVE_INFINITY;
    const used = [...this.#widths.values()].reduce((sum, width) => sum + (width === 0 ? 0 : width + GAP.length), 0);
    return this.#width - used;
  }

  #line(
    row: Readonly<Record<Column, string>>,
    room: number,
    colour: (text: string) => string,
    onlyColumn?: Column,
  ): string {
    const shown = COLUMNS.filter((column) => this.#widths.get(column) !== 0);
    const cells = shown.map((column) => {
      const text = row[column].padEnd(this.#widths.get(column) ?? 0);
      return onlyColumn === undefined || onlyColumn === column ? colour(text) : text;
    });
    const trouble = cut(row.trouble, room);
    const last = onlyColumn === undefined ? colour(trouble) : this.#paint('red', trouble);
    return [...cells, trouble === '' ? '' : last].join(GAP).trimEnd();
  }

  #block({ app, type, subject, state, left, next, trouble, colour }: TaskRow): readonly string[] {
    const refresh = next === '-' ? '' : `, refresh ${next}`;
    return [
      [app, type, subject].filter((part) => part !== '').join(' '),
      `${GAP}${this.#paint(colour, state)} ${left === '-' ? '' : left}${refresh}`.trimEnd(),
      ...(trouble === '' ? [] : [`${GAP}${this.#paint('red', trouble)}`]),
    ];
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, Math.max(0, length - 1))}…` : text;
}
