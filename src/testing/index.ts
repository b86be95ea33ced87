export type { FakeCall } from './fake-call.js';
export { FakeClock, type FakeClockOptions } from './fake-clock.js';
export type { FakeApp } from './fake-endpoint.js';
export type { FakeCallMatcher, FakeFault } from './fake-faults.js';
export type { FakeQuota } from './fake-quota.js';
export type { FakeRefreshTokenMode } from './fake-refresh-tokens.js';
export { FakeWeChat, type FakeWeChatOptions } from './fake-wechat.js';
export { type StoreContractOptions, testTokenStore } from './store-contract.js';
