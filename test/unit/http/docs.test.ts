import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ROUTES } from '../../../src/http/contract-routes.js';
import type { RouteServices } from '../../../src/http/routing/route-services.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/http.md', import.meta.url)), 'utf8');

/** The routes of a section's table, as its first column names them. */
function documented(section: string): string[] {
  const text = PAGE.split(`\n## \`${section}\``)[1]?.split('\n## ')[0] ?? '';
  const cells = [...text.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => {
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const path = names.at(-1)?.split(' ').at(-1) ?? '';
    const methods = names.flatMap((name) => name.split(' ')[0]?.match(/^[A-Z]+$/) ?? []);
    if (methods.length > 0) return methods.map((method) => `${method} ${path}`);
    return names.map((name) => `any ${name}`);
  });
}

test.each([
  // An order to refresh is a body of the route that reads.
  ['scheduler', ['POST /task/:appid/:type']],
  ['wetoken', []],
  ['native', []],
  ['wechat', []],
  ['proxy', []],
  ['push', []],
] as const)('docs/http.md names every route of %s, and no other', (section, alsoNamed) => {
  const routes = ROUTES[section]({} as RouteServices);
  const named = routes.flatMap(({ methods = ['any'], path }) => methods.map((method) => `${method} ${path}`));
  expect(documented(section).toSorted()).toEqual([...named, ...alsoNamed].toSorted());
});
