// @ts-check
// This module creates the documents of tasks, sealed as a manager seals them.
import { importTypeScript } from '../../scripts/import-typescript.mjs';
import { appsOf, keyAt, TYPE, tokenOf } from './keys.mjs';

/** @typedef {import('wechat-token-manager').StoredDocument} StoredDocument */

const { seal } = await importTypeScript('src/core/store/document-codec.ts');

/** @param {number} keys the number of all keys */
export function* registrations(keys) {
  for (let app = 0; app < appsOf(keys); app++) yield sealed(`app/wx${app}`, { secret: 'secret' });
  for (let index = 0; index < keys; index++) {
    const { appid, subject } = keyAt(index, keys);
    yield sealed(`task/${appid}/${TYPE}/${subject}`, {});
  }
}

/**
 * @param {number} index
 * @param {number} keys
 * @param {{ readonly obtainedAt: number, readonly dueAt: number, readonly expiresAt: number }} times
 */
export function keyDocument(index, keys, { obtainedAt, dueAt, expiresAt }) {
  const { appid, subject } = keyAt(index, keys);
  const grant = { value: tokenOf(subject, obtainedAt), obtainedAt, expiresAt, dueAt };
  return { ...sealed(`key/${appid}/${TYPE}/${subject}`, { grant }), due: { lane: TYPE, at: dueAt } };
}

/** @param {string} id @param {object} content @returns {StoredDocument} */
function sealed(id, content) {
  return { id, version: Date.now() * 1_000, data: seal(id, content) };
}
