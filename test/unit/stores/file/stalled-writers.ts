import type * as FileSystem from 'node:fs/promises';

/** A moment at which a process can stand still: before or after a call of the file system. */
export type Moment = 'before link' | 'after link' | 'before open' | 'before unlink' | 'before close';

interface Arranged {
  readonly moment: Moment;
  readonly name: string;
  readonly reached: () => void;
  readonly resumed: Promise<void>;
}

export interface Stall {
  /** Resolves when the call stands still. */
  readonly reached: Promise<void>;
  resume(): void;
}

/** Wraps the file system, so that a test can make one call stand still while others go on. */
export class StallingFileSystem {
  readonly #arranged: Arranged[] = [];

  /** Makes the next call stand still whose path, or that of its target, ends with `name`. */
  stallNext(moment: Moment, name: string): Stall {
    let resume = (): void => {};
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const reached = new Promise<void>((resolve) => this.#arranged.push({ moment, name, reached: resolve, resumed }));
    return { reached, resume };
  }

  wrap(real: typeof FileSystem): typeof FileSystem {
    const link: typeof real.link = async (existing, created) => {
      await this.#pass('before link', String(created));
      await real.link(existing, created);
      await this.#pass('after link', String(created));
    };
    const open: typeof real.open = async (path, ...options) => {
      await this.#pass('before open', String(path));
      const file = await real.open(path, ...options);
      const close = file.close.bind(file);
      file.close = async () => {
        await this.#pass('before close', String(path));
        return close();
      };
      return file;
    };
    const unlink: typeof real.unlink = async (path) => {
      await this.#pass('before unlink', String(path));
      return real.unlink(path);
    };
    return { ...real, link, open, unlink };
  }

  async #pass(moment: Moment, path: string): Promise<void> {
    const index = this.#arranged.findIndex((stall) => stall.moment === moment && path.endsWith(stall.name));
    if (index < 0) return;
    const [stall] = this.#arranged.splice(index, 1);
    stall?.reached();
    await stall?.resumed;
  }
}
