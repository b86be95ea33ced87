import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileStore } from '../../src/index.js';
import { Ext4Image } from './ext4-image.js';
import { requireTools } from './require-tool.js';

test('a store that stays open works again when its disk is back', async (context) => {
  requireTools(context, Ext4Image.TOOLS);
  await using disk = new Ext4Image();
  await disk.mount();
  const store = new FileStore(join(disk.directory, 'tokens'));
  await store.now();
  const version = await store.set('key/wx1/access_token', { value: 1 }, 0);
  await disk.cutPower();
  await expect(store.now()).rejects.toMatchObject({ code: expect.stringMatching(/^(EIO|EROFS)$/) });
  await disk.unmount();
  await disk.mount();
  expect(await store.now()).toBeGreaterThan(1_700_000_000_000);
  expect(await store.get(['key/wx1/access_token'])).toMatchObject([{ version, data: { value: 1 } }]);
  await store.close();
});
