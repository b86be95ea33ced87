import type { HttpRequest } from '../../messages/http-message.js';

export type Language = 'en' | 'zh';

/** Returns the value of a cookie; `undefined` if the request has none of this name. */
export function cookieOf(request: HttpRequest, name: string): string | undefined {
  const pairs = request.header('cookie')?.split(';') ?? [];
  return pairs
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

/** Returns whether the browser is that of WeChat, in which no code has to be scanned. */
export function isInWeChat(request: HttpRequest): boolean {
  return request.header('user-agent')?.includes('MicroMessenger/') === true;
}

/** Returns the first of the visitor's languages in which there are pages, or English if there is none. */
export function languageOf(request: HttpRequest): Language {
  const names = request.header('accept-language')?.toLowerCase().split(',') ?? [];
  const known = names.map((name) => name.trim().slice(0, 2)).find((name) => name === 'zh' || name === 'en');
  return known === 'zh' ? 'zh' : 'en';
}

/**
 * Returns whether the visitor opens the page itself. A page of another site could otherwise make browsers request it as an image
 * or in a frame, each time with a new code.
 */
export function isOpened(request: HttpRequest): boolean {
  const [mode, destination] = [request.header('sec-fetch-mode'), request.header('sec-fetch-dest')];
  const isNavigation = (mode ?? 'navigate') === 'navigate' && (destination ?? 'document') === 'document';
  return isNavigation && !request.isHead && request.header('sec-purpose') === undefined;
}
