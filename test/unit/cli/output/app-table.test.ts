import { expect, test } from 'vitest';
import { appLines } from '../../../../src/cli/output/app-table.js';
import { colourful, plain } from '../../../../src/cli/output/paint.js';

const NOW = 1_000_000_000_000;
const MINUTE = 60_000;
const PLATFORM = {
  appid: 'wxcomponent000000',
  push: { mode: 'encrypted', keys: 2, lastPushAt: NOW - 3 * MINUTE },
  verifyTicket: { obtainedAt: NOW - 7 * MINUTE, missing: false },
};
const SILENT = {
  appid: 'wx1',
  push: { mode: 'encrypted', keys: 1 },
  verifyTicket: {
    obtainedAt: NOW - 45 * MINUTE,
    missing: true,
    reason: 'no ticket has come',
    remedy: 'Check the URL.',
  },
};

test('the pushes to apps are shown with mode, number of keys, last push and the age of the ticket', () => {
  expect(appLines([PLATFORM, { appid: 'wx2', push: { mode: 'plain', keys: 0 } }], NOW, plain)).toEqual([
    'APP                PUSHES     KEYS  LAST PUSH  VERIFY TICKET',
    'wxcomponent000000  encrypted  2     3m ago     7m old',
    'wx2                plain      0     -          -',
  ]);
});

test('a missing ticket is shown in red, with its reason and remedy', () => {
  const [, line = ''] = appLines([SILENT], NOW, colourful);
  expect(line).toContain('\u001b[31m45m old: no ticket has come. Check the URL.\u001b[39m');
});

test('a platform without any ticket, and an app without pushes, have nothing to show', () => {
  expect(appLines([{ appid: 'wx1', verifyTicket: { missing: false } }, { appid: 'wx2' }], NOW, plain)).toEqual([
    'APP  PUSHES  KEYS  LAST PUSH  VERIFY TICKET',
    'wx1  -       -     -          none yet',
    'wx2  -       -     -          -',
  ]);
});

test('what a server of another kind sends cannot control the terminal', () => {
  const reason = '\u001b[2J\nx';
  const app = { appid: '\u001b[2J', push: { mode: ['a'], keys: {} }, verifyTicket: { missing: true, reason } };
  for (const line of appLines([app], NOW, plain)) expect(line).not.toMatch(/[\u0000-\u001f]/);
});
