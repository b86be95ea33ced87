const COLOURS = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Colour = keyof typeof COLOURS;

const hasColours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

export function paint(text: string, colour: Colour): string {
  return hasColours ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** Writes lines with the seconds since the start, the source and the event. */
export class Log {
  readonly #startedAt = Date.now();

  line(who: string, what: string, colour?: Colour, at: number = Date.now()): void {
    const time = `${seconds(at - this.#startedAt).padStart(5)} s`;
    console.log(`${paint(time, 'dim')}  ${who.padEnd(9)}  ${colour === undefined ? what : paint(what, colour)}`);
  }

  elapsedMs(): number {
    return Date.now() - this.#startedAt;
  }
}

export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ');
  return [line(header), widths.map((width) => '-'.repeat(width)).join('   '), ...rows.map(line)].join('\n');
}
