import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServeOptions } from '../../../../../src/cli/args/serve-options.js';
import { UsageError } from '../../../../../src/cli/failures/usage-error.js';
import { openStore } from '../../../../../src/cli/serve/worker/server-store.js';
import { EncryptedStore, FileStore, TokenManager } from '../../../../../src/index.js';
import { directoryStore, SERVE_OPTIONS } from '../../../../support/servers/serve-options.js';

const [FIRST, SECOND] = ['1'.repeat(64), '2'.repeat(64)];

let directory: string;
let options: ServeOptions;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  options = { ...SERVE_OPTIONS, store: directoryStore(join(directory, 'store')) };
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function keyFile(text: string): Promise<ServeOptions> {
  const encryptionKeyFile = join(directory, 'keys');
  await writeFile(encryptionKeyFile, text);
  return { ...options, encryptionKeyFile };
}

/** Leaves an app in the store. */
async function fill(given: ServeOptions): Promise<void> {
  const { store } = await openStore(given);
  const tokens = new TokenManager({ store });
  await tokens.register({ appid: 'wx1', secret: 'CANARY', tasks: [] });
  await tokens.close();
}

async function refusal(given: ServeOptions): Promise<string> {
  const error = await openStore(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  const { message } = error as UsageError;
  for (const secret of [FIRST, SECOND, 'CANARY']) expect(message).not.toContain(secret);
  return message;
}

describe('the store of a server', () => {
  it('the store is a directory, which may not exist yet', async () => {
    const { store, reencrypt } = await openStore(options);
    expect(store).toBeInstanceOf(FileStore);
    expect(reencrypt).toBeUndefined();
    await store.close();
  });

  it('the store is encrypted with the first key of the file', async () => {
    await fill(await keyFile(`# made today\n\n  ${FIRST}  \r\n`));
    const { store } = await openStore(await keyFile(`${SECOND}\n${FIRST}\n`));
    expect(store).toBeInstanceOf(EncryptedStore);
    for await (const { data } of store.list('app')) expect(data.unreadable).toBeUndefined();
    await store.close();
  });

  it('the store can be encrypted again with the first key, so that the others can be removed', async () => {
    await fill(await keyFile(FIRST));
    const { store, reencrypt } = await openStore(await keyFile(`${SECOND}\n${FIRST}`));
    expect(await reencrypt?.()).toBe(0);
    await store.close();
    const after = await openStore(await keyFile(SECOND));
    expect(after.reencrypt).toBeUndefined();
    await after.store.close();
  });

  it('an encrypted store is not opened without its key, which would take it for damaged', async () => {
    await fill(await keyFile(FIRST));
    expect(await refusal(options)).toBe(
      `--store: ${options.store.shown} is encrypted: add --encryption-key-file <file>`,
    );
  });

  it('an encrypted store is not opened with another key', async () => {
    await fill(await keyFile(FIRST));
    expect(await refusal(await keyFile(SECOND))).toMatch(
      /^--encryption-key-file: no document in .* can be read: it was encrypted with a key that is not among the keys/,
    );
  });

  it('a store that is not encrypted is not opened with a key', async () => {
    await fill(options);
    expect(await refusal(await keyFile(FIRST))).toMatch(/can be read: it is not encrypted$/);
  });

  it.each([
    ['', /^--encryption-key-file: .*keys contains no key$/],
    ['# nothing\n\n', /^--encryption-key-file: .*keys contains no key$/],
    [`${FIRST}\nabc`, /^--encryption-key-file: .*keys: key 2 must be 32 bytes, .*got a string of 3 characters$/],
    [`${FIRST}\n${FIRST}`, /^--encryption-key-file: .*keys: key 2 must be another key/],
  ])('the key file %j is refused', async (text, message) => {
    expect(await refusal(await keyFile(text))).toMatch(message);
  });

  it('a missing key file is an error', async () => {
    const encryptionKeyFile = join(directory, 'gone');
    expect(await refusal({ ...options, encryptionKeyFile })).toMatch(
      /^--encryption-key-file: .*gone cannot be read: ENOENT/,
    );
  });

  it('the store cannot be a file', async () => {
    await writeFile(options.store.shown, '');
    expect(await refusal(options)).toMatch(/^--store: directory must be the path of a directory/);
  });
});
