import { byId, setText } from './elements.js';

const SUCCESS_SHOWN_MS = 10_000;

export interface Notice {
  /** Shows a text until it is dismissed or replaced. A notice of success disappears after a while. */
  show(text: string, options: { readonly isBad: boolean; readonly detail?: string }): void;
}

/** Shows the outcome of an action of the user, which screen readers announce as well. */
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
