import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { blockProblems, parseReadme } from '../../scripts/check-readme.mjs';
import { drawings } from '../../scripts/draw-fleet.mjs';
import { Steps } from '../../src/core/concurrency/pace.js';
import { dueAt } from '../../src/core/model/refresh-policy.js';
import { SHARE_OF_SCHEDULE } from '../../src/core/schedule/shared-pace.js';

const docs = new URL('../../docs/', import.meta.url);
const fleet = readFileSync(new URL('fleet.md', docs), 'utf8');

test('the code of docs/fleet.md is compiled', () => {
  const readExample = (file: string): string => readFileSync(new URL(`../examples/${file}`, docs), 'utf8');
  expect(blockProblems(fleet, readExample)).toEqual([]);
});

test('the links of docs/fleet.md lead somewhere', () => {
  const { links } = parseReadme(fleet);
  const files = links.filter((link) => !/^([a-z]+:|#)/.test(link)).map((link) => link.replace(/#.*$/, ''));
  expect(files).toContain('fleet-restart.svg');
  expect(files.filter((file) => !existsSync(new URL(file, docs)))).toEqual([]);
});

test('its pictures are what the arithmetic of the core draws: run scripts/draw-fleet.mjs', () => {
  for (const [name, drawing] of Object.entries(drawings({ dueAt, Steps, SHARE_OF_SCHEDULE }))) {
    expect(readFileSync(new URL(name, docs), 'utf8')).toBe(drawing);
  }
});
