import { type Standing, shareLeft, standingOf } from '../tasks/standing.js';
import type { Task } from '../tasks/task.js';
import { deliveryIn, leftIn, nextIn, stateOf, taskName } from '../tasks/task-facts.js';
import { instant } from '../words/durations.js';
import type { TextName, Words } from '../words/language.js';
import { element, setAttribute, setText } from './elements.js';
import { keepRoles } from './table-roles.js';
import { noteElement, notesOn } from './task-notes.js';

/** The data from which a row is drawn. */
export interface RowView {
  readonly task: Task;
  readonly now: number;
  readonly words: Words;
  readonly isRefreshing: boolean;
}

/** The rows of a task in the table: its fields, and its notes. */
export interface TaskRow {
  readonly element: HTMLTableSectionElement;
  update(view: RowView): void;
}

export function taskRow(onRefresh: (task: Task) => void): TaskRow {
  let task: Task | undefined;
  const type = element('span', 'type');
  const appid = element('span', 'appid');
  const subject = element('span', 'subject');
  const authorization = element('span', 'authorization');
  const name = element('th', 'name', type, appid, subject, authorization);
  name.scope = 'row';
  const chip = element('span', 'chip');
  const left = element('span', 'countdown');
  const until = element('span', 'until');
  const fill = element('span', 'fill');
  const dueMark = element('span', 'due');
  const bar = element('span', 'bar', fill, dueMark);
  bar.setAttribute('aria-hidden', 'true');
  const next = element('span', 'value');
  const delivery = element('span', 'value');
  const button = element('button', 'refresh');
  button.type = 'button';
  button.addEventListener('click', () => {
    if (task !== undefined && button.getAttribute('aria-disabled') !== 'true') onRefresh(task);
  });

  const cells: [HTMLTableCellElement, TextName][] = [
    [element('td', 'state', chip), 'columnState'],
    [element('td', 'left', element('span', 'figures', left, until), bar), 'columnLeft'],
    [element('td', 'next', next), 'columnNext'],
    [element('td', 'delivery', delivery), 'columnDelivery'],
    [element('td', 'action', button), 'columnAction'],
  ];
  const facts = element('tr', 'facts', name, ...cells.map(([cell]) => cell));
  const notes = element('td', 'notes');
  notes.colSpan = cells.length + 1;
  const trouble = element('tr', 'trouble', notes);
  const rows = element('tbody', 'task', facts, trouble);
  keepRoles(rows);

  let shownNotes = '';
  function updateNotes(view: RowView, standing: Standing): void {
    const found = notesOn(view.task, standing, view.words);
    const text = JSON.stringify([view.words.language, found]);
    if (text === shownNotes) return;
    shownNotes = text;
    notes.replaceChildren(...found.map((note) => noteElement(note, view.words)));
    trouble.hidden = found.length === 0;
  }

  function update(view: RowView): void {
    const { now, words, isRefreshing } = view;
    const { say } = words;
    task = view.task;
    const { expiresAt, refreshTokenExpiresAt: authorizedUntil } = task;
    const standing = standingOf(task, now);
    setAttribute(rows, 'data-standing', standing);
    setText(type, task.type);
    setText(appid, task.appid);
    setText(subject, task.subject ?? '');
    const ends = authorizedUntil === undefined ? '' : instant(authorizedUntil, now, words);
    setText(authorization, ends === '' ? '' : say('authorizationUntil', { instant: ends }));
    setText(chip, say(stateOf(task, now)));
    setText(left, leftIn(task, now, words));
    const at = expiresAt === undefined ? '' : instant(expiresAt, now, words);
    setText(until, expiresAt === undefined ? '' : say(expiresAt <= now ? 'since' : 'until', { instant: at }));
    fill.style.transform = `scaleX(${shareLeft(task, now).toFixed(4)})`;
    dueMark.hidden = task.dueAt === undefined || expiresAt === undefined;
    dueMark.style.left = `${(100 * shareLeft(task, task.dueAt ?? 0)).toFixed(2)}%`;
    setText(next, nextIn(task, now, words));
    setText(delivery, deliveryIn(task, words));
    setAttribute(delivery, 'data-state', task.delivery?.state ?? 'none');
    for (const [cell, label] of cells) setAttribute(cell, 'data-label', say(label));
    setText(button, say(isRefreshing ? 'refreshing' : 'refresh'));
    setAttribute(button, 'aria-label', say('refreshName', { task: taskName(task, words) }));
    setAttribute(button, 'aria-disabled', String(isRefreshing));
    updateNotes(view, standing);
  }

  return { element: rows, update };
}
