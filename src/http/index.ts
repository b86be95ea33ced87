export { type ApiKey, type ApiKeyOptions, createApiKey, type Scope } from './access/api-key.js';
export type { FetchConnection } from './fetch-edge.js';
export { createHandler, type Handler } from './handler.js';
export type { ContractName, HandlerOptions } from './handler-options.js';
export type { ServableManager } from './manager.js';
