import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
const design = read('docs/design.md');

/** Returns the value of a numeric constant that a source need not export. */
function constant(file: string, name: string): number {
  const value = new RegExp(`^(?:export )?const ${name} = ([\\d_]+);`, 'm').exec(read(file))?.[1];
  if (value === undefined) throw new Error(`${file} has no number ${name}`);
  return Number(value.replaceAll('_', ''));
}

const DISPATCHER = 'src/wechat/dispatcher.ts';
const LEASES = 'src/core/refresh/refresh-leases.ts';
const SUPERVISED = 'src/core/store/supervised-store.ts';
const CLAIM_LOOP = 'src/core/schedule/claim-loop.ts';
const MIB = 1_048_576;

test.each([
  [
    `${constant(DISPATCHER, 'MAX_IN_FLIGHT')} requests in flight, ${constant(DISPATCHER, 'MAX_BODY_BYTES') / MIB} MiB of answer`,
  ],
  [`${constant(SUPERVISED, 'MOST_READS')} reads, ${constant(SUPERVISED, 'MOST_WRITES')} writes and`],
  [`fleet: ${constant(CLAIM_LOOP, 'MAX_RUNNING')} claimed keys at once`],
  [`where ${constant(LEASES, 'MAX_UNDER_LEASE')} may hold a lease |`],
])('the numbers of docs/design.md are those of the code: %s', (text) => {
  const rows = design.split('\n').filter((line) => line.startsWith('| '));
  expect(rows.filter((row) => row.includes(text))).toHaveLength(1);
});
