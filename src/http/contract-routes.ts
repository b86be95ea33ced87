import { keyRoutes } from './contracts/native/key-routes.js';
import { nativeRoutes } from './contracts/native/native-routes.js';
import { authorizeRoutes } from './contracts/platform/authorize-routes.js';
import { authorizersRoutes } from './contracts/platform/authorizers-routes.js';
import { recoverRoutes } from './contracts/platform/recover-routes.js';
import { proxyRoutes } from './contracts/proxy/proxy-routes.js';
import { pushRoutes } from './contracts/push/push-routes.js';
import { schedulerRoutes } from './contracts/scheduler/scheduler-routes.js';
import { wechatRoutes } from './contracts/wechat/wechat-routes.js';
import { wetokenRoutes } from './contracts/wetoken/wetoken-routes.js';
import type { ContractName } from './handler-options.js';
import { healthRoutes } from './health/health-routes.js';
import { metricsRoutes } from './metrics/metrics-routes.js';
import { pageRoutes } from './page/page-routes.js';
import type { RouteServices } from './routing/route-services.js';
import type { Route } from './routing/router.js';

/** The functions that create the routes, by contract. */
export const ROUTES: Readonly<Record<ContractName, (services: RouteServices) => readonly Route[]>> = {
  scheduler: schedulerRoutes,
  wetoken: wetokenRoutes,
  wechat: wechatRoutes,
  proxy: proxyRoutes,
  push: (services) =>
    [pushRoutes, authorizeRoutes, authorizersRoutes, recoverRoutes].flatMap((routesOf) => routesOf(services)),
  native: (services) =>
    [nativeRoutes, keyRoutes, healthRoutes, metricsRoutes, pageRoutes].flatMap((routesOf) => routesOf(services)),
};
