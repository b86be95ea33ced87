import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { drawings } from '../../scripts/draw-fleet.mjs';
import { blockProblems } from '../../scripts/example-regions.mjs';
import { parsePage } from '../../scripts/markdown-page.mjs';
import { linkProblems } from '../../scripts/page-links.mjs';
import { RateLimiter } from '../../src/core/concurrency/rate-limit.js';
import { dueAt } from '../../src/core/model/refresh-policy.js';
import { SHARE_OF_SCHEDULE } from '../../src/core/schedule/fleet-rate-limit.js';

const docs = new URL('../../docs/', import.meta.url);
const fleet = readFileSync(new URL('fleet.md', docs), 'utf8');

test('the code of docs/fleet.md is compiled', () => {
  const read = (file: string): string => readFileSync(new URL(`../examples/${file}`, docs), 'utf8');
  expect(blockProblems(fleet, { read, comments: undefined })).toEqual([]);
});

test('the links of docs/fleet.md lead somewhere', () => {
  expect(parsePage(fleet).links).toContain('fleet-restart.svg');
  expect(linkProblems(fileURLToPath(new URL('..', docs)), 'docs/fleet.md')).toEqual([]);
});

test('the pictures of docs/fleet.md are up to date: run scripts/draw-fleet.mjs', () => {
  for (const [name, drawing] of Object.entries(drawings({ dueAt, RateLimiter: RateLimiter, SHARE_OF_SCHEDULE }))) {
    expect(readFileSync(new URL(name, docs), 'utf8')).toBe(drawing);
  }
});
