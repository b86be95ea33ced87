import { stripVTControlCharacters, styleText } from 'node:util';
import type { Clock } from '../../../core/concurrency/clock.js';
import { onOneLine } from '../../../core/primitives/redact.js';
import type { TextOutput } from '../../io/command-io.js';
import { writesText } from '../processes/worker-environment.js';

export type LogLevel = 'info' | 'warn' | 'error';

/** The fields of a line besides its message. Those that are `undefined` are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

const COLOURS = { info: 'bold', warn: 'yellow', error: 'red' } as const;
/** The limit of bytes that are buffered for a blocked output: some thousands of lines. */
const MOST_WAITING = 1_048_576;

/**
 * Writes events as lines: JSON for programs, short text for a terminal. If the output is broken or blocked, lines are
 * dropped instead of delaying the caller, and the next line that can be written tells how many.
 */
export class Log {
  readonly #output: TextOutput;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #isText: boolean;
  readonly #isColoured: boolean;
  #lost = 0;
  /** Whether the last line may have been written only in part. */
  #isTorn = false;

  constructor(output: TextOutput, clock: Pick<Clock, 'now'>, env: NodeJS.ProcessEnv = {}) {
    this.#output = output;
    this.#clock = clock;
    this.#isText = output.isTTY === true || writesText(env);
    this.#isColoured = (env['NO_COLOR'] ?? '') === '';
    output.on('error', () => this.#failed());
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

  /** Writes a line of another process unchanged. */
  pass(line: string): void {
    if ((this.#output.writableLength ?? 0) > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    const lines = this.#lost;
    this.#lost = 0;
    if (lines > 0) this.warn('linesLost', { lines });
    const gap = this.#isTorn ? '\n' : '';
    this.#isTorn = false;
    try {
      this.#output.write(`${gap}${line}\n`);
    } catch {
      this.#failed();
    }
  }

  /** Counts a lost line. A lost notice about lost lines counts as one, because its number is no longer known. */
  #failed(): void {
    this.#isTorn = true;
    this.#lost += 1;
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    const time = new Date(this.#clock.now());
    const line = this.#isText
      ? this.#text(level, time, message, fields)
      : JSON.stringify({ time: time.toISOString(), level, message, ...fields });
    this.pass(line);
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
