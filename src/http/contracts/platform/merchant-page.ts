import { createHash } from 'node:crypto';
import { GUARDING_HEADERS, type HttpAnswer } from '../../messages/http-message.js';
import { type LinkName, linkText, type PageName, type PageValues, pageTexts } from './page-texts.js';
import type { Language } from './visitor.js';

export interface MerchantPage {
  readonly status: number;
  readonly name: PageName;
  readonly language: Language;
  readonly values?: PageValues;
  readonly link?: { readonly name: LinkName; readonly url: string };
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const STYLE = `
body { margin: 15vh auto 0; max-width: 32rem; padding: 0 1.5rem; font: 1rem/1.6 system-ui, sans-serif; color: #1a1a1a; background: #fff }
h1 { font-size: 1.4rem; line-height: 1.3 }
a { display: inline-block; margin-top: 1rem; padding: .6rem 1.4rem; border-radius: .4rem; color: #fff; background: #08683b }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616 } }
`;

/**
 * The headers of every page. WeChat looks at the domain of the page from which a merchant comes, so that the browser has to name
 * it, but not the rest of the address.
 */
const HEADERS = {
  ...GUARDING_HEADERS,
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'strict-origin',
  'X-Frame-Options': 'DENY',
} as const;

/** Returns a page for merchants: text, and one link at most. It runs no script, and loads nothing. */
export function merchantPage({ status, name, language, values = {}, link, headers }: MerchantPage): HttpAnswer {
  const { title, note } = pageTexts(name, language, values);
  const anchor =
    link === undefined ? '' : `\n<p><a href="${escaped(link.url)}">${escaped(linkText(link.name, language))}</a></p>`;
  const body = `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(note)}</p>${anchor}
</main>
</body>
</html>
`;
  return { status, headers: { ...HEADERS, ...headers }, body };
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
