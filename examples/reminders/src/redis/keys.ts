/** Names of what is kept in Redis. The braces would keep all of it in one slot of a cluster, which was not tried. */
const PREFIX = '{reminders}';

export const keys = {
  /** A string: the app whose reminders these are. */
  app: `${PREFIX}:app`,
  /** A hash: the reminder. */
  reminder: (id: string) => `${PREFIX}:reminder:${id}`,
  /** A sorted set: the ids of a user's reminders by when they were made. */
  remindersOf: (user: string) => `${PREFIX}:user:${user}`,
  /** A sorted set: the ids of all active reminders by their next instant. */
  due: `${PREFIX}:due`,
  /** A hash: what became of a reminder at an instant. */
  occurrence: (id: string, instant: number) => `${PREFIX}:occurrence:${id}:${instant}`,
  /** A list: the latest instants of a reminder that have an occurrence, the newest first. */
  history: (id: string) => `${PREFIX}:history:${id}`,
  /** A number: how many accepted prompts of a user are left, for a template. */
  credits: (user: string, template: string) => `${PREFIX}:credits:${template}:${user}`,
  /** A number: how many prompts a user has accepted so far, for a template. */
  accepted: (user: string, template: string) => `${PREFIX}:accepted:${template}:${user}`,
  /** A mark: a prompt that was counted, by the client's nonce. */
  consent: (user: string, nonce: string) => `${PREFIX}:consent:${user}:${nonce}`,
  /** A hash: what a user's requests to create, by their nonces, have made. */
  creations: (user: string) => `${PREFIX}:creations:${user}`,
  /** A string: whose session it is, by the hash of its token. */
  session: (hash: string) => `${PREFIX}:session:${hash}`,
  /** A hash: why a template was stopped. */
  stop: (template: string) => `${PREFIX}:stop:${template}`,
  /** A hash: how many occurrences ended in each state. */
  totals: `${PREFIX}:totals`,
};
