import type { Language } from './visitor.js';

export type PageName =
  | 'start'
  | 'startInWeChat'
  | 'authorized'
  | 'pending'
  | 'refused'
  | 'noVisit'
  | 'tooMany'
  | 'unavailable'
  | 'badLink'
  | 'unknown'
  | 'notOpened';
export type LinkName = 'toWeChat' | 'toStart';
export type PageValues = Readonly<Record<string, string | number>>;

interface PageTexts {
  readonly title: readonly [en: string, zh: string];
  readonly note: readonly [en: string, zh: string];
}

/** The texts of the pages for merchants. `{code}` and `{seconds}` are placeholders. */
const PAGES: Readonly<Record<PageName, PageTexts>> = {
  start: {
    title: ['Authorize this platform', '授权给本平台'],
    note: [
      'The administrator of the account has to scan a code with WeChat on the next page.',
      '请由账号管理员操作：在下一页用管理员的微信扫码，将公众号或小程序授权给本平台。',
    ],
  },
  startInWeChat: {
    title: ['Authorize this platform', '授权给本平台'],
    note: [
      'The administrator of the account confirms the authorization on the next page.',
      '请由账号管理员操作：在下一页确认，将公众号或小程序授权给本平台。',
    ],
  },
  authorized: {
    title: ['Your account is authorized', '授权成功'],
    note: [
      'The platform can now act for your account. You can close this page.',
      '您的账号已授权给本平台，可以关闭此页面。',
    ],
  },
  pending: {
    title: ['The authorization is not complete yet', '授权尚未完成'],
    note: [
      'WeChat has sent you back, but the server could not complete the authorization. WeChat also notifies the server, which tries again. You can reload this page in a minute. ({code})',
      '微信已返回，但服务器暂时未能完成授权。微信还会另行通知服务器，服务器会自动重试。您也可以一分钟后刷新此页面。（{code}）',
    ],
  },
  refused: {
    title: ['The authorization was not completed', '授权未完成'],
    note: [
      'What WeChat has sent you back with is no longer valid. Please begin again. ({code})',
      '微信返回的授权码已失效，请重新授权。（{code}）',
    ],
  },
  noVisit: {
    title: ['Please begin at the start page', '请从授权发起页开始'],
    note: [
      'This page belongs to an authorization that was begun in another browser, or too long ago, or without cookies.',
      '此次授权不是在当前浏览器中发起的、已超时，或浏览器未启用 Cookie。',
    ],
  },
  tooMany: {
    title: ['Too many visitors at the moment', '当前访问人数过多'],
    note: ['Please try again in {seconds} s.', '请在 {seconds} 秒后重试。'],
  },
  unavailable: {
    title: ['The authorization cannot begin at the moment', '暂时无法发起授权'],
    note: ['Please try again later. ({code})', '请稍后重试。（{code}）'],
  },
  badLink: {
    title: ['This link is wrong', '链接有误'],
    note: [
      'auth_type must be 1, 2, 3, 4, 5, 6 or 8, and biz_appid an appid.',
      'auth_type 须为 1、2、3、4、5、6 或 8，biz_appid 须为 appid。',
    ],
  },
  unknown: {
    title: ['There is no such platform here', '未找到此平台'],
    note: ['No platform with this appid receives pushes here.', '此处没有使用该 appid 接收推送的平台。'],
  },
  notOpened: {
    title: ['Please open this page itself', '请直接打开此页面'],
    note: ['It works in no frame, and not as a part of another page.', '此页面不能嵌入其他页面中使用。'],
  },
};

const LINKS: Readonly<Record<LinkName, readonly [en: string, zh: string]>> = {
  toWeChat: ['Continue to WeChat', '前往微信授权'],
  toStart: ['Begin again', '重新授权'],
};

/** Returns the texts of a page in a language. */
export function pageTexts(name: PageName, language: Language, values: PageValues): { title: string; note: string } {
  const column = columnOf(language);
  const { title, note } = PAGES[name];
  return { title: title[column], note: note[column].replace(/\{(\w+)\}/g, (_, key: string) => String(values[key])) };
}

/** Returns the text of a link in a language. */
export function linkText(name: LinkName, language: Language): string {
  return LINKS[name][columnOf(language)];
}

function columnOf(language: Language): 0 | 1 {
  return language === 'en' ? 0 : 1;
}
