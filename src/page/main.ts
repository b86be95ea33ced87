import { refreshTask } from './refresh-task.js';
import { serverApi } from './server/api.js';
import { pollLoop } from './server/poll-loop.js';
import { serverClock } from './server/server-clock.js';
import { byId } from './views/elements.js';
import { keyForm } from './views/key-form.js';
import { keysView } from './views/keys-view.js';
import { noticeBar } from './views/notice.js';
import { type PageState, ROWS_AT_ONCE } from './views/page-state.js';
import { pageView } from './views/page-view.js';
import { platformsView } from './views/platforms-view.js';
import { pushesView } from './views/pushes-view.js';
import { preferredLanguage, wordsIn } from './words/language.js';

const POLL_EVERY_MS = 5_000;
const TICK_MS = 1_000;
/**
 * The shortest pause between two polls, as a multiple of the duration of a poll, so that reading many tasks does not load
 * the server without a pause.
 */
const REST_FACTOR = 5;

// The base of the requests is built from these parts, so that the page works below a prefix, with or without a slash at
// its end. The whole address is not used because it may contain a name and a password.
const { origin, pathname } = window.location;
const base = `${origin}${pathname}${pathname.endsWith('/') ? '' : '/'}`;

const clock = serverClock(() => Date.now());
const api = serverApi(base, clock);
const notice = noticeBar();
const state: PageState = {
  words: wordsIn(preferredLanguage(navigator.languages)),
  hasKey: false,
  list: undefined,
  readAt: 0,
  outage: undefined,
  filter: { words: '', standing: undefined },
  rows: ROWS_AT_ONCE,
  refreshing: new Set(),
};

const form = keyForm((key) => {
  useKey(key);
  form.close();
  render();
  loop.now();
});
const keys = keysView(api, () => render());
const pushes = pushesView(api, () => render());
const { publicUrl } = document.documentElement.dataset;
const platforms = platformsView(api, publicUrl, () => render());
const render = pageView({
  state,
  clock,
  form,
  keys,
  pushes,
  platforms,
  onRefresh: (task) => void refreshTask(task, { api, clock, notice, state, render, poll: () => loop.now() }),
  onChoose: (standing) => showOnly({ standing }),
});
const loop = pollLoop(poll);

/** The number of times that the key was set. It identifies answers to requests with an earlier key, which are not shown. */
let keysUsed = 0;

function useKey(key: string | undefined): void {
  keysUsed += 1;
  api.useKey(key);
  keys.forget();
  pushes.forget();
  platforms.forget();
  state.hasKey = key !== undefined;
  state.list = undefined;
  state.outage = undefined;
}

function showOnly(change: Partial<PageState['filter']>): void {
  state.filter = { ...state.filter, ...change };
  state.rows = ROWS_AT_ONCE;
  render();
}

/**
 * Reads the tasks once.
 *
 * @returns the milliseconds until the next poll.
 */
async function poll(): Promise<number> {
  const asked = keysUsed;
  const startedAt = Date.now();
  const answer = await api.tasks();
  if (asked !== keysUsed) return 0;
  const pauseMs = Math.max(POLL_EVERY_MS, REST_FACTOR * (Date.now() - startedAt));
  if ('value' in answer) {
    if (state.outage !== undefined) notice.show(state.words.say('recovered'), { isBad: false });
    state.list = answer.value;
    state.readAt = Date.now();
    state.outage = undefined;
    render();
    void keys.poll();
    void pushes.poll();
    return pauseMs;
  }
  const { failure } = answer;
  if (failure.situation === 'noKey') {
    askForKey(state.hasKey);
    return pauseMs;
  }
  state.outage = failure;
  render();
  return Math.max(pauseMs, failure.retryAfterMs ?? 0);
}

function askForKey(isRefused: boolean): void {
  useKey(undefined);
  loop.stop();
  form.open(isRefused ? 'keyUnknown' : undefined);
  render();
}

function onKeyButton(): void {
  if (state.hasKey) {
    askForKey(false);
    notice.show(state.words.say('keyForgotten'), { isBad: false });
  } else if (form.isOpen) form.close();
  else form.open();
  render();
}

byId('key-button', HTMLButtonElement).addEventListener('click', onKeyButton);
byId('language', HTMLButtonElement).addEventListener('click', () => {
  state.words = wordsIn(state.words.language === 'en' ? 'zh' : 'en');
  render();
});
byId('more', HTMLButtonElement).addEventListener('click', () => {
  state.rows += ROWS_AT_ONCE;
  render();
});
const filter = byId('filter', HTMLInputElement);
filter.addEventListener('input', () => showOnly({ words: filter.value }));

window.setInterval(() => {
  if (document.visibilityState === 'visible') render();
}, TICK_MS);

if (document.documentElement.dataset['access'] === 'key') form.open();
else loop.now();
render();
