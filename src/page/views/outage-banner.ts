import type { RequestFailure } from '../server/request-failure.js';
import { inWords } from '../words/durations.js';
import type { Words } from '../words/language.js';
import { byId, setText } from './elements.js';

export interface OutageView {
  /** The reason why the tasks could not be read; `undefined` when they could. */
  readonly outage: RequestFailure | undefined;
  /** The age of the tasks that are shown; `undefined` when none are. */
  readonly ageMs: number | undefined;
  readonly words: Words;
}

/** Shows that the tasks are out of date. Screen readers do not announce their age, which changes every second. */
export function outageBanner(): (view: OutageView) => void {
  const banner = byId('banner', HTMLElement);
  const title = byId('banner-title', HTMLElement);
  const age = byId('banner-age', HTMLElement);
  const todo = byId('banner-todo', HTMLElement);
  const detail = byId('banner-detail', HTMLElement);

  return ({ outage, ageMs, words }) => {
    banner.hidden = outage === undefined;
    if (outage === undefined) {
      for (const part of [title, age, todo, detail]) setText(part, '');
      return;
    }
    setText(title, words.happened(outage.situation));
    setText(age, ageMs === undefined ? words.say('staleEmpty') : words.say('staleAge', { ago: inWords(ageMs, words) }));
    setText(todo, words.todo(outage.situation, { ip: words.say('thisServer') }));
    setText(detail, outage.detail);
  };
}
