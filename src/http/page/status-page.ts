import { createHash } from 'node:crypto';
import type { HttpAnswer } from '../messages/http-message.js';
import { PAGE_CSS, PAGE_HTML, PAGE_SCRIPT } from './page-source.js';

/** Answers with the status page: one document that loads nothing else. */
export class StatusPage {
  readonly #html: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param publicUrl - the URL under which merchants reach their pages; `undefined` if there are none. */
  constructor(publicUrl?: string) {
    const html = filledIn(filledIn(PAGE_HTML, 'style', PAGE_CSS), 'script', PAGE_SCRIPT);
    this.#html = publicUrl === undefined ? html : withPublicUrl(html, publicUrl);
    this.#headers = {
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Security-Policy': [
        "default-src 'none'",
        `script-src '${sourceHash(PAGE_SCRIPT)}'`,
        `style-src '${sourceHash(PAGE_CSS)}'`,
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'X-Frame-Options': 'DENY',
    };
  }

  /**
   * Returns the page.
   *
   * @param needsKey - whether the page prompts for a key before it requests the tasks.
   */
  answer(needsKey: boolean): HttpAnswer {
    const body = needsKey ? this.#html.replace('data-access="open"', 'data-access="key"') : this.#html;
    return { status: 200, headers: this.#headers, body };
  }
}

/** Tells the page where merchants reach their pages, to which it has links. */
function withPublicUrl(html: string, publicUrl: string): string {
  const escaped = publicUrl.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return html.replace('data-access="open"', (access) => `${access} data-public-url="${escaped}"`);
}

/** Inserts a text into its empty element without any change, since the browser runs it only if its hash matches. */
function filledIn(html: string, element: string, text: string): string {
  const empty = `<${element}></${element}>`;
  const [before, after, ...more] = html.split(empty);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`the status page must have exactly one ${empty}`);
  }
  if (text.toLowerCase().includes(`</${element}`)) throw new Error(`the ${element} of the status page would end early`);
  return `${before}<${element}>${text}</${element}>${after}`;
}

function sourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
