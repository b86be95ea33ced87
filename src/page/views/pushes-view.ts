import type { Api, PushedApp } from '../server/api.js';
import { instant, inWords } from '../words/durations.js';
import type { Words } from '../words/language.js';
import { byId, element } from './elements.js';
import { noteElement, type TaskNote } from './task-notes.js';

export interface PushesView {
  /** Reads the apps again, unless they were read a moment ago. */
  poll(): Promise<void>;
  /** Discards the apps that were read with another key. */
  forget(): void;
  /** Returns what was read of an app; `undefined` if WeChat does not push to it. */
  appOf(appid: string): PushedApp | undefined;
  draw(now: number, words: Words, isHidden: boolean): void;
}

/** The shortest pause between two readings, since a server may have many apps. */
const READ_EVERY_MS = 30_000;

/** Shows the apps to which WeChat pushes, and above the tasks those platforms whose verify tickets have stopped. */
export function pushesView(api: Api, onRead: () => void): PushesView {
  const silences = byId('silences', HTMLElement);
  const details = byId('pushes', HTMLDetailsElement);
  const list = byId('pushes-list', HTMLUListElement);
  let apps: readonly PushedApp[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let drawn = '';
  let readings = 0;

  async function poll(): Promise<void> {
    if (Date.now() - readAt < READ_EVERY_MS) return;
    readAt = Date.now();
    readings += 1;
    const reading = readings;
    const answer = await api.pushedApps();
    // An answer to an earlier request is discarded, since it may have been sent with another key.
    if (reading !== readings || !('value' in answer)) return;
    apps = answer.value;
    onRead();
  }

  details.addEventListener('toggle', () => onRead());

  return {
    poll,
    forget() {
      readings += 1;
      readAt = Number.NEGATIVE_INFINITY;
      apps = [];
      details.open = false;
    },
    appOf: (appid) => apps.find((app) => app.appid === appid),
    draw(now, words, isHidden) {
      const shown = isHidden ? [] : apps;
      details.hidden = shown.length === 0;
      const notes = shown.filter(({ verifyTicket }) => verifyTicket?.missing).map((app) => silenceOf(app, now, words));
      silences.hidden = notes.length === 0;
      const lines = details.open ? shown.map((app) => lineOf(app, now, words)) : [];
      const next = JSON.stringify([words.language, notes, lines]);
      if (next === drawn) return;
      drawn = next;
      silences.replaceChildren(...notes.map((note) => noteElement(note, words)));
      list.replaceChildren(...lines.map((line) => element('li', '', line)));
    },
  };
}

function silenceOf({ appid, verifyTicket }: PushedApp, now: number, words: Words): TaskNote {
  const obtainedAt = verifyTicket?.obtainedAt;
  return {
    isBad: true,
    happened: words.happened('ticketsStopped'),
    code: appid,
    attempts: '',
    todo: words.todo('ticketsStopped'),
    detail: obtainedAt === undefined ? '' : words.say('lastTicket', { instant: instant(obtainedAt, now, words) }),
  };
}

/** Returns when an app was pushed to last. */
export function lastPush({ lastPushAt }: NonNullable<PushedApp['push']>, now: number, words: Words): string {
  return lastPushAt === undefined
    ? words.say('notPushed')
    : words.say('pushed', { ago: inWords(now - lastPushAt, words) });
}

function lineOf({ appid, push, verifyTicket }: PushedApp, now: number, words: Words): string {
  const { say } = words;
  const ago = (at: number): { readonly ago: string } => ({ ago: inWords(now - at, words) });
  const facts = [appid];
  if (push !== undefined) {
    const { mode, keys } = push;
    facts.push(say(mode === 'plain' ? 'pushesPlain' : 'pushesEncrypted'));
    facts.push(keys === 1 ? say('pushKeyOne') : say('pushKeys', { count: keys }));
    facts.push(lastPush(push, now, words));
  }
  if (verifyTicket !== undefined) {
    const { obtainedAt } = verifyTicket;
    facts.push(obtainedAt === undefined ? say('noTicket') : say('ticketAge', ago(obtainedAt)));
  }
  return facts.join(' · ');
}
