import type { Api } from './server/api.js';
import type { RequestFailure } from './server/request-failure.js';
import type { ServerClock } from './server/server-clock.js';
import type { Task } from './tasks/task.js';
import { taskName } from './tasks/task-facts.js';
import type { Notice } from './views/notice.js';
import type { PageState } from './views/page-state.js';
import { instant, inWords } from './words/durations.js';

export interface RefreshParts {
  readonly api: Api;
  readonly clock: ServerClock;
  readonly notice: Notice;
  readonly state: PageState;
  render(): void;
  /** Reads the tasks again. */
  poll(): void;
}

/** Refreshes a token on behalf of the user, and shows the outcome. */
export async function refreshTask(task: Task, parts: RefreshParts): Promise<void> {
  const { api, notice, state, render, poll } = parts;
  state.refreshing.add(task.id);
  render();
  const answer = await api.refresh(task);
  state.refreshing.delete(task.id);
  const name = taskName(task, state.words);
  if ('value' in answer) notice.show(state.words.say('refreshed', { task: name }), { isBad: false });
  else notice.show(failureText(name, task, answer.failure, parts), { isBad: true, detail: answer.failure.detail });
  render();
  poll();
}

function failureText(name: string, task: Task, failure: RequestFailure, { clock, state }: RefreshParts): string {
  const { words } = state;
  const { situation, retryAfterMs } = failure;
  const text = words.say('refreshFailed', {
    task: name,
    happened: words.happened(situation),
    todo: words.todo(situation, { ip: task.lastError?.ip ?? words.say('thisServer') }),
  });
  if (retryAfterMs === undefined) return text;
  const now = clock.now();
  const left = inWords(retryAfterMs, words);
  return `${text} ${words.say('allowedAt', { instant: instant(now + retryAfterMs, now, words), left })}`;
}
