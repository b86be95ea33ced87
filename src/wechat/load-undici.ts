import { safeCause, TokenError } from '../core/model/errors.js';

/**
 * Loads undici, which takes longer to load than the rest of the library, when it is needed.
 *
 * Node.js remembers a failed `import` for as long as the process runs, for example one that came while no file could be opened
 * (`EMFILE`), but not a failed `require`. With the second, one bad moment does not keep a process from WeChat until it is restarted.
 *
 * @throws a `TokenError` with code `UPSTREAM_UNAVAILABLE`.
 */
export async function loadUndici(): Promise<typeof import('undici')> {
  try {
    return await import('undici').catch(requireUndici);
  } catch (error) {
    const cause = safeCause(error);
    const message = `The package undici could not be loaded (${cause.message})`;
    throw new TokenError('UPSTREAM_UNAVAILABLE', message, { retryable: true, hostOnly: true, cause });
  }
}

/** Loads undici by `require`. Throws the error of the `import` where the bundle of an application leaves no way to do it. */
async function requireUndici(failure: unknown): Promise<typeof import('undici')> {
  try {
    const { createRequire } = await import('node:module');
    return createRequire(import.meta.url)('undici') as typeof import('undici');
  } catch {
    throw failure;
  }
}
