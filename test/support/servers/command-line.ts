import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { text as allOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { run } from '../../../src/cli/run.js';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** The outcome of a command. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CommandWorld {
  readonly env?: Readonly<Record<string, string>>;
  /** The text on standard input. */
  readonly input?: string;
  /** The width of the terminal; without it there is none. */
  readonly columns?: number;
  /** Whether standard input is a terminal, which is read without an echo. */
  readonly asks?: boolean;
}

/** Keeps what is written to it, and is a terminal when it has columns. */
export class CapturedOutput extends Writable {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(columns = 0) {
    super();
    this.isTTY = columns > 0;
    this.columns = columns;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Provides a standard input with all that will ever come. */
class GivenInput extends PassThrough {
  readonly isTTY: boolean;
  /** The raw modes that were set on the terminal: in raw mode it does not show what is typed. */
  readonly rawModes: boolean[] = [];

  constructor(content: string, isTTY: boolean) {
    super();
    this.isTTY = isTTY;
    this.end(content);
  }

  setRawMode(mode: boolean): void {
    this.rawModes.push(mode);
  }
}

/** Runs a command in this process, with streams and an environment of its own. */
export async function runCommand(argv: readonly string[], world: CommandWorld = {}): Promise<CommandResult> {
  const { env = {}, input = '', columns, asks = false } = world;
  const stdout = new CapturedOutput(columns);
  const stderr = new CapturedOutput(columns);
  const code = await run(argv, { script: MAIN, stdin: new GivenInput(input, asks), stdout, stderr, env: { ...env } });
  return { code, out: stdout.text, err: stderr.text };
}

/** Starts the built command as a process of its own, without the settings for it in the environment of the tests. */
export function startCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^WECHAT_TOKENS_|^NO_COLOR$|^FORCE_COLOR$/.test(name),
  );
  return spawn(process.execPath, [MAIN, ...argv], { env: { ...Object.fromEntries(inherited), ...env } });
}

/** Runs the built command to its end. */
export async function runBuiltCommand(argv: readonly string[], world: CommandWorld = {}): Promise<CommandResult> {
  const child = startCommand(argv, world.env);
  child.stdin.end(world.input ?? '');
  const [out, err, [code]] = await Promise.all([allOf(child.stdout), allOf(child.stderr), once(child, 'close')]);
  return { code, out, err };
}
