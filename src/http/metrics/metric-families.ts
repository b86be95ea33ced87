import type { Meters } from '../../core/engine/meters.js';
import type { Counter } from '../../core/primitives/counters.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { PACKAGE_VERSION } from '../../version.js';
import type { TaskCensus } from '../manager/task-census.js';
import type { MetricFamily, Point } from './exposition.js';

/** Returns the metrics of `GET /metrics`: the counters of this process, and the states of the tasks in its memory. */
export function metricFamilies(
  meters: Meters,
  store: Pick<SupervisedStore, 'failing'>,
  { states, waiting, left, worst }: TaskCensus,
): readonly MetricFamily[] {
  return [
    {
      name: 'wechat_token_manager_refreshes',
      type: 'counter',
      help: 'New tokens in this process, by source and by the reason for the refresh.',
      points: pointsOf(meters.refreshes),
    },
    {
      name: 'wechat_token_manager_refresh_failures',
      type: 'counter',
      help: 'Refreshes that failed in this process, by the code of the error.',
      points: pointsOf(meters.refreshFailures),
    },
    {
      name: 'wechat_token_manager_upstream_request_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'The duration of requests to WeChat, including the wait for a free connection, by outcome.',
      points: [...meters.requests].map(([outcome, value]) => ({ labels: { outcome }, value })),
    },
    {
      name: 'wechat_token_manager_lease_contentions',
      type: 'counter',
      help: 'Attempts to acquire a lease that another process held.',
      points: pointsOf(meters.leaseContentions),
    },
    {
      name: 'wechat_token_manager_deliveries',
      type: 'counter',
      help: 'Attempts of this process to notify a target of a new token, by outcome.',
      points: pointsOf(meters.deliveries),
    },
    {
      name: 'wechat_token_manager_tasks',
      type: 'gauge',
      help: 'Tasks that this process holds, by state: all, unless the processes of a fleet share them.',
      points: Object.entries(states).map(([state, value]) => ({ labels: { state }, value })),
    },
    {
      name: 'wechat_token_manager_waiting_tasks',
      type: 'gauge',
      help: 'Tasks that this process holds without a usable token, by the event that they wait for.',
      points: Object.entries(waiting).map(([waiting_for, value]) => ({ labels: { waiting_for }, value })),
    },
    {
      name: 'wechat_token_manager_task_expiry_seconds',
      type: 'gaugehistogram',
      unit: 'seconds',
      help: 'The remaining lifetimes of the tokens of the tasks that this process holds; 0 without a usable token.',
      points: [{ value: left }],
    },
    {
      name: 'wechat_token_manager_worst_task_expiry_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'The shortest remaining lifetimes among the tasks that this process holds; negative after the expiry, 0 without a token.',
      points: worst.map(({ key: { appid, type, subject }, leftSeconds }) => ({
        labels: { appid, type, subject },
        value: leftSeconds,
      })),
    },
    {
      name: 'wechat_token_manager_store_available',
      type: 'gauge',
      help: 'Whether the store works (1) or has failed (0).',
      points: [{ value: store.failing ? 0 : 1 }],
    },
    {
      name: 'wechat_token_manager_build',
      type: 'info',
      help: 'The version of wechat-token-manager.',
      points: [{ labels: { version: PACKAGE_VERSION }, value: 1 }],
    },
    {
      name: 'wechat_token_manager_process_start_time_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'The time at which this process started, in seconds since 1970.',
      points: [{ value: performance.timeOrigin / 1_000 }],
    },
  ];
}

function pointsOf(counter: Counter): readonly Point[] {
  return [...counter.counts()];
}
