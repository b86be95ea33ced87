import type { Reminder } from './reminder.js';
import { messageTime } from './zone-time.js';

/** The values that a field of the message may show. */
const SOURCES = ['detail', 'time'] as const;
type Source = (typeof SOURCES)[number];

/** The message template that the mini program has chosen at WeChat, and what goes into its fields. */
export interface Template {
  readonly id: string;
  /** The page of the mini program that a message opens; `undefined` for none. `{contentId}` stands for the content. */
  readonly page: string | undefined;
  /** By name of the field, such as `thing1`. */
  readonly fields: Readonly<Record<string, Source>>;
}

const DEFAULT_FIELDS: Readonly<Record<string, Source>> = { thing1: 'detail', time2: 'time' };
const EXPECTED =
  'REMINDERS_TEMPLATE must be the id of a template, or JSON such as {"id":"...","page":"pages/index","fields":{"thing1":"detail","time2":"time"}}';

/** Reads an id alone, whose fields are then `thing1` and `time2`, or JSON that says more. */
export function parseTemplate(text: string): Template {
  if (!text.startsWith('{')) {
    // A value that begins so is JSON too, or a shell has left its quotation marks.
    if (/\s|^["'[]/.test(text)) throw new TypeError(EXPECTED);
    return { id: text, page: undefined, fields: DEFAULT_FIELDS };
  }
  const { id, page, fields = DEFAULT_FIELDS, ...unknown } = parseObject(text);
  const isUsable =
    typeof id === 'string' &&
    /^\S+$/.test(id) &&
    Object.keys(unknown).length === 0 &&
    (page === undefined || typeof page === 'string') &&
    typeof fields === 'object' &&
    fields !== null &&
    Object.keys(fields).length > 0 &&
    Object.values(fields).every((source) => SOURCES.includes(source as Source));
  if (!isUsable) throw new TypeError(EXPECTED);
  return { id, page, fields: fields as Record<string, Source> };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new TypeError(EXPECTED);
  }
}

/** Returns the body of the call to WeChat for one occurrence of a reminder. */
export function messageOf(template: Template, reminder: Reminder, instant: number): Record<string, unknown> {
  const values: Record<Source, string> = {
    detail: reminder.detail,
    time: messageTime(instant, reminder.zone),
  };
  const data = Object.fromEntries(
    Object.entries(template.fields).map(([name, source]) => [name, { value: values[source] }]),
  );
  const page = template.page?.replaceAll('{contentId}', encodeURIComponent(reminder.contentId));
  return { touser: reminder.user, template_id: template.id, ...(page === undefined ? {} : { page }), data };
}
