import type { TextName, Words } from '../words/language.js';
import { byId, setText } from './elements.js';

const KEY = /^[\x21-\x7e]+$/;

export interface KeyForm {
  readonly isOpen: boolean;
  /**
   * Opens the form.
   *
   * @param reason - the reason why the key is needed again.
   */
  open(reason?: TextName): void;
  close(): void;
  update(words: Words): void;
}

/** Prompts for an API key and passes it on, without storing it. */
export function keyForm(onKey: (key: string) => void): KeyForm {
  const form = byId('key-form', HTMLFormElement);
  const input = byId('key', HTMLInputElement);
  const error = byId('key-error', HTMLElement);
  let reason: TextName | undefined;
  let words: Words | undefined;

  function explain(next: TextName | undefined): void {
    reason = next;
    setText(error, next === undefined || words === undefined ? '' : words.say(next));
    input.setAttribute('aria-invalid', String(next !== undefined));
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const key = input.value.trim();
    input.value = '';
    if (key === '') return;
    if (!KEY.test(key)) explain('keyMalformed');
    else onKey(key);
  });

  return {
    get isOpen() {
      return !form.hidden;
    },
    open(next) {
      form.hidden = false;
      explain(next);
      input.focus();
    },
    close() {
      form.hidden = true;
      input.value = '';
      explain(undefined);
    },
    update(next) {
      words = next;
      explain(reason);
    },
  };
}
