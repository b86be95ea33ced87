import { closeSync, fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { TextOutput } from './command-io.js';

const DESCRIPTORS = [0, 1, 2];

/** Remembers the terminals to which the standard streams were connected at the start. */
export class StartTerminals {
  readonly #descriptors = DESCRIPTORS.filter((descriptor) => isatty(descriptor));

  /** Returns whether one of these terminals has been closed since. */
  get areLost(): boolean {
    return this.#descriptors.some((descriptor) => !isatty(descriptor));
  }
}

/**
 * Closes the descriptors of closed terminals. At its exit Node restores the settings of open terminals, and aborts if
 * that fails.
 */
export function closeLostTerminals(): void {
  for (const descriptor of DESCRIPTORS) {
    try {
      if (fstatSync(descriptor).isCharacterDevice() && !isatty(descriptor)) closeSync(descriptor);
    } catch {
      // The descriptor is closed already.
    }
  }
}

/**
 * Makes writes to a terminal buffer in memory. Otherwise Node would block while the terminal is paused, for example by
 * Ctrl-S.
 */
export function writeWithoutWaiting(output: TextOutput): void {
  const { _handle: handle } = output as { _handle?: { setBlocking?: (isBlocking: boolean) => unknown } };
  if (output.isTTY === true) handle?.setBlocking?.(false);
}

/**
 * Waits until all output is written.
 *
 * @throws Error with a message of one line when some could not be. A reader that has ended, as in `list | head`, is not
 *   an error.
 */
export class CheckedOutput {
  readonly #output: TextOutput;
  #code: string | undefined;

  constructor(output: TextOutput) {
    this.#output = output;
    output.on('error', this.#note);
  }

  async written(): Promise<void> {
    await new Promise<void>((resolve) => this.#output.write('', () => resolve()));
    // The error events of failed writes come after their callbacks.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#code === undefined || this.#code === 'EPIPE') return;
    throw new Error(`standard output cannot be written (${this.#code}): the output is incomplete`);
  }

  readonly #note = ({ code, name }: NodeJS.ErrnoException): void => {
    this.#code ??= code ?? name;
  };
}
