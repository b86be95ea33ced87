// @ts-check
// The keys of `fleet-million`, as its processes name them by number.

export const TYPE = 'user';
const TASKS_OF_APP = 1_000;
const FILLING = 'x'.repeat(200);

/** @param {number} keys how many there are altogether */
export function appsOf(keys) {
  return Math.ceil(keys / TASKS_OF_APP);
}

/**
 * Neighbours are of different apps.
 *
 * @param {number} index
 * @param {number} keys
 */
export function keyAt(index, keys) {
  return { appid: `wx${index % appsOf(keys)}`, subject: `openid-${index}` };
}

/**
 * A token of 200 characters, another one each time.
 *
 * @param {string} subject
 * @param {number} at
 */
export function tokenOf(subject, at) {
  return `${subject}.${at}.${FILLING}`.slice(0, 200);
}
