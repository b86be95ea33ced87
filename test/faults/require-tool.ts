import { spawnSync } from 'node:child_process';
import type { TestContext } from 'vitest';

/** Skips the test, saying why, where root or a program is missing; under CI that is a failure. */
export function requireTools(context: TestContext, { root = false, programs = [] }: Requirements): void {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0);
  if (root && process.getuid?.() !== 0) missing.unshift('root');
  if (missing.length === 0) return;
  const reason = `needs ${missing.join(', ')}`;
  if (process.env.CI !== undefined) throw new Error(`this test ${reason}, which CI has to have`);
  context.skip(reason);
}

export interface Requirements {
  readonly root?: boolean;
  /** The names of programs on the PATH. */
  readonly programs?: readonly string[];
}
