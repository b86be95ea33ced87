import { MAX_TASKS } from '../server/api.js';
import type { ServerClock } from '../server/server-clock.js';
import { inOrder, type Standing, standingOf } from '../tasks/standing.js';
import type { Task } from '../tasks/task.js';
import { filtered } from '../tasks/task-filter.js';
import { inWords } from '../words/durations.js';
import { byId, setText } from './elements.js';
import type { KeyForm } from './key-form.js';
import type { KeysView } from './keys-view.js';
import { outageBanner } from './outage-banner.js';
import { type PageState, ROWS_AT_ONCE } from './page-state.js';
import type { PlatformsView } from './platforms-view.js';
import type { PushesView } from './pushes-view.js';
import { standingButtons } from './standing-buttons.js';
import { showStillTexts } from './still-texts.js';
import { taskTable } from './task-table.js';

const JUST_NOW_MS = 10_000;

export interface ViewParts {
  readonly state: PageState;
  readonly clock: ServerClock;
  readonly form: KeyForm;
  readonly keys: KeysView;
  readonly pushes: PushesView;
  readonly platforms: PlatformsView;
  onRefresh(task: Task): void;
  onChoose(standing: Standing | undefined): void;
}

/** Returns a function that draws the page in its current state, and changes only what differs. */
export function pageView(parts: ViewParts): () => void {
  const { state, clock, form, keys, pushes, platforms, onRefresh, onChoose } = parts;
  const loading = byId('loading', HTMLElement);
  const tasks = byId('tasks', HTMLElement);
  const updated = byId('updated', HTMLElement);
  const remark = byId('remark', HTMLElement);
  const more = byId('more', HTMLButtonElement);
  const language = byId('language', HTMLButtonElement);
  const keyButton = byId('key-button', HTMLButtonElement);
  const table = byId('table', HTMLTableElement);
  const drawBanner = outageBanner();
  const drawStandings = standingButtons(byId('standings', HTMLElement), onChoose);
  const drawTable = taskTable(table, onRefresh);

  function drawTop(now: number): void {
    const { words, list } = state;
    const troubled = list?.tasks.filter((task) => TROUBLE.has(standingOf(task, now))).length ?? 0;
    document.title = troubled === 0 ? words.say('title') : words.say('titleTroubled', { count: troubled });
    const ageMs = Date.now() - state.readAt;
    const isFresh = ageMs < JUST_NOW_MS && state.outage === undefined;
    const age = isFresh ? words.say('updatedNow') : words.say('updated', { ago: inWords(ageMs, words) });
    setText(updated, list === undefined ? '' : age);
    drawBanner({ outage: state.outage, ageMs: list === undefined ? undefined : ageMs, words });
    setText(language, words.say('otherLanguage'));
    language.lang = words.language === 'en' ? 'zh-CN' : 'en';
    setText(keyButton, words.say(state.hasKey ? 'keyForget' : form.isOpen ? 'keyCancel' : 'keyEnter'));
    keyButton.hidden = form.isOpen && list === undefined;
  }

  function drawTasks(all: readonly Task[], now: number): void {
    const { words, filter, rows, refreshing, list } = state;
    const { say } = words;
    const fitting = inOrder(
      filtered(all, filter, now, (standing) => say(standing)),
      now,
    );
    const shown = fitting.slice(0, rows);
    const hidden = fitting.length - shown.length;
    drawStandings({ tasks: all, now, words, chosen: filter.standing });
    drawTable({ tasks: shown, now, words, refreshing });
    table.hidden = shown.length === 0;
    const remarks = [];
    if (all.length === 0) remarks.push(say('noTasks'));
    else if (fitting.length === 0) remarks.push(say('noneFits'));
    if (hidden > 0) remarks.push(say('shownOf', { shown: shown.length, count: fitting.length, hidden }));
    if (list?.isTruncated === true) remarks.push(say('truncated', { count: MAX_TASKS.toLocaleString(words.locale) }));
    setText(remark, remarks.join(' '));
    setText(more, say('showMore', { count: Math.min(hidden, ROWS_AT_ONCE) }));
    more.hidden = hidden === 0;
  }

  let shownLanguage = '';
  return () => {
    const { words, list, outage } = state;
    const now = clock.now();
    if (words.language !== shownLanguage) {
      shownLanguage = words.language;
      showStillTexts(words);
      form.update(words);
    }
    drawTop(now);
    tasks.hidden = list === undefined;
    loading.hidden = list !== undefined || outage !== undefined || form.isOpen;
    if (list !== undefined) drawTasks(list.tasks, now);
    keys.draw(now, words, list === undefined);
    pushes.draw(now, words, list === undefined);
    platforms.draw(now, words, list?.tasks, pushes.appOf);
  };
}

const TROUBLE: ReadonlySet<Standing> = new Set(['broken', 'troubled']);
