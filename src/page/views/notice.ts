import { byId, setText } from './elements.js';

const SUCCESS_SHOWN_MS = 10_000;

export interface Notice {
  /** Stays until it is dismissed, or the next one comes; one that tells of success goes by itself. */
  show(text: string, options: { readonly isBad: boolean; readonly detail?: string }): void;
}

/** Tells how something ended that the user has asked for, to screen readers as well. */
export function noticeBar(): Notice {
  const bar = byId('notice', HTMLElement);
  const message = byId('notice-text', HTMLElement);
  const detail = byId('notice-detail', HTMLElement);
  const dismiss = byId('notice-dismiss', HTMLButtonElement);
  let timer: number | undefined;

  function hide(): void {
    bar.dataset['kind'] = 'none';
    setText(message, '');
    setText(detail, '');
    dismiss.hidden = true;
  }

  dismiss.addEventListener('click', hide);
  return {
    show(text, { isBad, detail: more = '' }) {
      window.clearTimeout(timer);
      bar.dataset['kind'] = isBad ? 'bad' : 'good';
      setText(message, text);
      setText(detail, more);
      dismiss.hidden = false;
      if (!isBad) timer = window.setTimeout(hide, SUCCESS_SHOWN_MS);
    },
  };
}
