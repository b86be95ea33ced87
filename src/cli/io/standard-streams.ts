import { closeSync, fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { TextOutput } from './command-io.js';

const DESCRIPTORS = [0, 1, 2];

/** Remembers the terminals that the process was started on, if any. */
export class StartTerminals {
  readonly #descriptors = DESCRIPTORS.filter((descriptor) => isatty(descriptor));

  /** Tells whether one of them has been closed since. */
  get areLost(): boolean {
    return this.#descriptors.some((descriptor) => !isatty(descriptor));
  }
}

/** Closes the descriptors of terminals that are gone: as it exits, Node sets back what it finds open, and aborts if it cannot. */
export function closeLostTerminals(): void {
  for (const descriptor of DESCRIPTORS) {
    try {
      if (fstatSync(descriptor).isCharacterDevice() && !isatty(descriptor)) closeSync(descriptor);
    } catch {
      // It is closed already.
    }
  }
}

/** Lets writes to a terminal wait in memory. Node would stop the process while a terminal is paused, as by Ctrl-S. */
export function writeWithoutWaiting(output: TextOutput): void {
  const { _handle: handle } = output as { _handle?: { setBlocking?: (isBlocking: boolean) => unknown } };
  if (output.isTTY === true) handle?.setBlocking?.(false);
}

/**
 * Waits until everything is written.
 *
 * @throws Error on one line when something could not be. A reader that has gone, as in `list | head`, had what it wanted.
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
    // The events of failed writes come after their callbacks.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#code === undefined || this.#code === 'EPIPE') return;
    throw new Error(`standard output cannot be written (${this.#code}): not everything that it was to show is there`);
  }

  readonly #note = ({ code, name }: NodeJS.ErrnoException): void => {
    this.#code ??= code ?? name;
  };
}
