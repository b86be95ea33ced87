import type { TextName, Words } from '../words/language.js';
import { TEXTS } from '../words/texts.js';
import { setAttribute, setText } from './elements.js';

/** Inserts the texts that only change with the language into the elements that name them: `data-text="title"`. */
export function showStillTexts({ locale, say }: Words): void {
  document.documentElement.lang = locale;
  for (const node of document.querySelectorAll<HTMLElement>('[data-text]')) setText(node, say(named(node, 'text')));
  for (const node of document.querySelectorAll<HTMLElement>('[data-name]')) {
    setAttribute(node, 'aria-label', say(named(node, 'name')));
  }
  for (const node of document.querySelectorAll<HTMLElement>('[data-hint]')) {
    setAttribute(node, 'placeholder', say(named(node, 'hint')));
  }
}

function named(node: HTMLElement, attribute: string): TextName {
  const name = node.dataset[attribute] ?? '';
  if (!(name in TEXTS)) throw new Error(`there is no text ${name}`);
  return name as TextName;
}
