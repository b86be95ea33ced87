import { stripVTControlCharacters, styleText } from 'node:util';
import type { Clock } from '../../core/clock.js';
import { onOneLine } from '../../core/redact.js';
import type { TextOutput } from '../serve-options.js';

export type LogLevel = 'info' | 'warn' | 'error';

/** Facts beside a message; those that are `undefined` are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

const COLOURS = { info: 'bold', warn: 'yellow', error: 'red' } as const;

/** What happens, a line each: JSON for a program that reads along, short text on a terminal. */
export class Log {
  readonly #output: TextOutput;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #isColoured: boolean;

  constructor(output: TextOutput, clock: Pick<Clock, 'now'>, env: NodeJS.ProcessEnv = {}) {
    this.#output = output;
    this.#clock = clock;
    this.#isColoured = (env['NO_COLOR'] ?? '') === '';
    // Nobody reads it any more; what it tells of goes on.
    output.on('error', () => {});
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write('error', message, fields);
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    const time = new Date(this.#clock.now());
    const isTerminal = this.#output.isTTY === true;
    const line = isTerminal
      ? this.#text(level, time, message, fields)
      : JSON.stringify({ time: time.toISOString(), level, message, ...fields });
    this.#output.write(`${line}\n`);
  }

  #text(level: LogLevel, time: Date, message: string, fields: LogFields): string {
    const said = this.#isColoured ? styleText(COLOURS[level], message, { validateStream: false }) : message;
    const facts = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${shown(value)}`);
    return [time.toTimeString().slice(0, 8), said, ...facts].join(' ');
  }
}

function shown(value: unknown): string {
  const text = onOneLine(stripVTControlCharacters(Array.isArray(value) ? value.join(',') : String(value)));
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}
