import type { GetOptions, RefreshCallOptions, SubjectOptions } from '../../core/calls/call-options.js';
import type { StatusQuery, TaskStatus } from '../../core/engine/task-status.js';
import type { Grant } from '../../core/model/refresher.js';
import type { Registration } from '../../core/model/registration.js';
import type { TokenRecord } from '../../core/model/token-record.js';

/**
 * The `TokenManager` that is served. An object that only looks like one is refused.
 *
 * @public
 */
export interface ServableManager {
  hasType(name: string): boolean;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The parts of a `TokenManager` that the routes use. */
export interface Manager extends ServableManager {
  register(registration: Registration<string>): Promise<void>;
  unregister(appid: string, type?: string, options?: SubjectOptions): Promise<void>;
  get(appid: string, type: string, options?: GetOptions): Promise<string>;
  getRecord(appid: string, type: string, options?: GetOptions): Promise<TokenRecord>;
  refresh(appid: string, type: string, options: RefreshCallOptions): Promise<string>;
  put(appid: string, type: string, grant: Grant, options?: SubjectOptions): Promise<TokenRecord>;
  status(query?: StatusQuery): AsyncGenerator<TaskStatus, void, undefined>;
  hasTask(appid: string, type: string, options?: SubjectOptions): boolean;
}
