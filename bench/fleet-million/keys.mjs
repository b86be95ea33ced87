// @ts-check
// This module provides the keys of `fleet-million`, which its processes identify by number.

export const TYPE = 'user';
const TASKS_OF_APP = 1_000;
const FILLING = 'x'.repeat(200);

/** @param {number} keys the number of all keys */
export function appsOf(keys) {
  return Math.ceil(keys / TASKS_OF_APP);
}

/**
 * Returns a key. Consecutive keys belong to different apps.
 *
 * @param {number} index
 * @param {number} keys
 */
export function keyAt(index, keys) {
  return { appid: `wx${index % appsOf(keys)}`, subject: `openid-${index}` };
}

/**
 * Returns a token of 200 characters, which differs each time.
 *
 * @param {string} subject
 * @param {number} at
 */
export function tokenOf(subject, at) {
  return `${subject}.${at}.${FILLING}`.slice(0, 200);
}
