import { STANDINGS, type Standing, standingOf } from '../tasks/standing.js';
import type { Task } from '../tasks/task.js';
import type { Words } from '../words/language.js';
import { element, setAttribute, setText } from './elements.js';

export interface StandingView {
  readonly tasks: readonly Task[];
  readonly now: number;
  readonly words: Words;
  readonly chosen: Standing | undefined;
}

/** Adds a button for each standing, with the number of its tasks, which shows only these, and a button for all tasks. */
export function standingButtons(
  group: HTMLElement,
  onChoose: (standing: Standing | undefined) => void,
): (view: StandingView) => void {
  const buttons = [undefined, ...STANDINGS].map((standing) => {
    const count = element('span', 'count');
    const label = element('span', 'label');
    const button = element('button', 'standing', count, label);
    button.type = 'button';
    button.dataset['standing'] = standing ?? 'all';
    button.addEventListener('click', () => onChoose(standing));
    return { standing, count, label, button };
  });
  group.append(...buttons.map(({ button }) => button));

  return ({ tasks, now, words, chosen }) => {
    const counts = new Map<Standing, number>();
    for (const task of tasks) {
      const standing = standingOf(task, now);
      counts.set(standing, (counts.get(standing) ?? 0) + 1);
    }
    for (const { standing, count, label, button } of buttons) {
      const number = standing === undefined ? tasks.length : (counts.get(standing) ?? 0);
      setText(count, number.toLocaleString(words.locale));
      setText(label, words.say(standing ?? 'all'));
      setAttribute(button, 'aria-pressed', String(standing === chosen));
      setAttribute(button, 'data-empty', String(number === 0));
    }
  };
}
