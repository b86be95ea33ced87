import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';

/** Resolves a file of the package, wherever this module was compiled to. */
const { resolve } = createRequire(import.meta.url);
const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
];
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** Serves the page: three files, which hold no data. */
export function addPage(app: FastifyInstance): void {
  for (const [path, file, type] of FILES) {
    const content = readFileSync(resolve(`#public/${file}`));
    app.get(path, { schema: { hide: true } }, (_request, reply) => reply.headers(HEADERS).type(type).send(content));
  }
}
