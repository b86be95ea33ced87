import type { MerchantPages } from '../../routing/merchant-pages.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';

/**
 * Creates the routes of the pages at which merchants authorize a platform. They need no key, since merchants have none. Without a
 * URL under which merchants reach them, they are no routes of this server.
 */
export function authorizeRoutes({ merchantPages }: Pick<RouteServices, 'merchantPages'>): readonly Route[] {
  const accepts = (): boolean => merchantPages !== undefined;
  const route = { scope: 'open', methods: ['GET'], contract: problemDetails, accepts } as const;
  const pages = merchantPages as MerchantPages;
  return [
    { ...route, path: '/platform/:appid/authorize', changes: false, answer: (context) => pages.start(context) },
    { ...route, path: '/platform/:appid/authorized', changes: true, answer: (context) => pages.comeBack(context) },
  ];
}
