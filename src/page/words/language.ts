import { ADVICE, type Situation } from './advice-texts.js';
import { TEXTS } from './texts.js';

export type Language = 'en' | 'zh';
export type TextName = keyof typeof TEXTS;
type Values = Readonly<Record<string, string | number>>;

interface Formats {
  readonly time: Intl.DateTimeFormat;
  readonly dayAndTime: Intl.DateTimeFormat;
  readonly dayOfYear: Intl.DateTimeFormat;
}

/** The texts and formats of the page in one language. */
export interface Words {
  readonly language: Language;
  /** The language tag for the `lang` attribute of the page. */
  readonly locale: string;
  readonly formats: Formats;
  say(name: TextName, values?: Values): string;
  happened(situation: Situation, values?: Values): string;
  todo(situation: Situation, values?: Values): string;
}

export function wordsIn(language: Language): Words {
  const column = language === 'en' ? 0 : 1;
  const locale = language === 'en' ? 'en-GB' : 'zh-CN';
  return {
    language,
    locale,
    formats: formatsIn(locale),
    say: (name, values) => filledIn(TEXTS[name][column], values),
    happened: (situation, values) => filledIn(ADVICE[situation].happened[column], values),
    todo: (situation, values) => filledIn(ADVICE[situation].todo[column], values),
  };
}

/** Returns the first of the user's languages that the page supports, or English if it supports none. */
export function preferredLanguage(languages: readonly string[]): Language {
  const known = languages
    .map((name) => name.toLowerCase().split('-')[0])
    .find((name) => name === 'zh' || name === 'en');
  return known === 'zh' ? 'zh' : 'en';
}

function formatsIn(locale: string): Formats {
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const day = { month: 'short', day: 'numeric' } as const;
  return {
    time: new Intl.DateTimeFormat(locale, time),
    dayAndTime: new Intl.DateTimeFormat(locale, { ...day, ...time }),
    dayOfYear: new Intl.DateTimeFormat(locale, { year: 'numeric', ...day }),
  };
}

function filledIn(text: string, values: Values = {}): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}
