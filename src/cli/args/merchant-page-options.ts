import { checkedPublicUrl, checkedReturnUrl } from '../../http/contracts/platform/public-url.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import type { OptionSpec } from './option.js';
import type { OptionValues } from './option-values.js';

export const PUBLIC_URL: OptionSpec = {
  name: 'public-url',
  value: 'url',
  variable: true,
  help: 'the URL under which browsers reach this server, for the pages at which merchants authorize a platform',
};
const RETURN_URL: OptionSpec = {
  name: 'return-url',
  value: 'url',
  variable: true,
  help: 'the page to which merchants are sent after the authorization (one of this server)',
};
export const MERCHANT_PAGE_OPTIONS: readonly OptionSpec[] = [PUBLIC_URL, RETURN_URL];

/** The options of `serve` for the pages at which merchants authorize a platform. */
export interface MerchantPageOptions {
  /** The URL under which browsers reach the server. */
  readonly publicUrl: string | undefined;
  /** The page to which merchants are sent after the authorization. */
  readonly returnUrl: string | undefined;
}

/**
 * Reads the options of the pages for merchants.
 *
 * @throws UsageError naming the option, what it must be, and what would have no effect.
 */
export function merchantPageOptionsOf(options: OptionValues): MerchantPageOptions {
  const [publicUrl, returnUrl] = [options.given(PUBLIC_URL), options.given(RETURN_URL)];
  if (publicUrl === undefined && returnUrl !== undefined) {
    throw new UsageError(`${returnUrl.source} has no effect without ${options.sourceOf(PUBLIC_URL)}: give both`);
  }
  return {
    publicUrl: publicUrl && asUsage(() => checkedPublicUrl(publicUrl.text), named('publicUrl', publicUrl.source)),
    returnUrl: returnUrl && asUsage(() => checkedReturnUrl(returnUrl.text), named('returnUrl', returnUrl.source)),
  };
}

function named(name: string, source: string): (message: string) => string {
  return (message) => message.replace(name, source);
}
