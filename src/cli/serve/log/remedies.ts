import type { TokenError } from '../../../core/model/errors.js';
import { findErrorRow } from '../../../wechat/error-table.js';

const BY_CODE: ReadonlyMap<string, string> = new Map([
  ['NOT_REGISTERED', 'Register the app with its secret.'],
  ['INPUT_MISSING', 'Register or put what the error names; list --state waiting shows what each task waits for.'],
  [
    'UPSTREAM_UNAVAILABLE',
    'It is retried automatically. If it persists, check the network and the proxy of this server.',
  ],
  ['UPSTREAM_REJECTED', "Look up WeChat's answer, and register the app again if its secret was changed."],
  ['QUOTA_EXHAUSTED', 'Wait, and find out which other programs request tokens of this account.'],
  ['REAUTHORIZATION_REQUIRED', 'Have the user or merchant authorize again, and store the grant with put.'],
  ['STORE_UNAVAILABLE', 'Check the disk, Redis or database of the store.'],
  ['TIMEOUT', 'It is retried automatically. If it persists, check what the token depends on.'],
]);

/** Returns the remedy for a delivery that has failed, in which `UPSTREAM_UNAVAILABLE` concerns the target and not WeChat. */
export function remedyOfDelivery(error: TokenError): string | undefined {
  if (error.code !== 'UPSTREAM_UNAVAILABLE') return remedyOf(error);
  return 'It is retried automatically. If it persists, check that the URL of notify is right, and that its target runs and answers 2xx.';
}

/** Returns the remedy for an error, by WeChat's `errcode`, or by the code of the error if there is none. */
export function remedyOf({ code, errcode }: TokenError): string | undefined {
  const row = errcode === undefined ? undefined : findErrorRow(errcode);
  return row?.advice ?? BY_CODE.get(code);
}
