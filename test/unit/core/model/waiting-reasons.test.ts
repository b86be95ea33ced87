import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import {
  appIsMissing,
  attemptLacked,
  dependencyIsMissing,
  documentIsUnreadable,
  functionIsMissing,
  noOneRefreshes,
  noRefresher,
  noUrlsHere,
  paramsAreMissing,
  refreshTokenIsMissing,
  storeTakesNoWrites,
  TICKETS_STOPPED,
  ticketIsMissing,
  ticketIsRefused,
  type Waiting,
} from '../../../../src/core/model/waiting-texts.js';

const KEY = tokenKey('wx1', 'component_access_token', undefined);
const TICKET = tokenKey('wx1', 'component_verify_ticket', undefined);
const MERCHANT = tokenKey('wx1', 'authorizer_access_token', 'wx2');

describe('the reason why no attempt is made', () => {
  test.each<[Waiting, Waiting['waitingFor'], RegExp, RegExp]>([
    [
      ticketIsMissing(KEY, TICKET),
      'push',
      /no unexpired component_verify_ticket of wx1/,
      /wx1 is registered with the settings of its pushes.*every ten minutes.*component_access_token is fetched/,
    ],
    [
      ticketIsRefused(KEY, TICKET),
      'push',
      /rejected the stored component_verify_ticket of wx1/,
      /wx1 is registered with the settings of its pushes.*stores each ticket with put.*fetched/,
    ],
    [
      refreshTokenIsMissing(MERCHANT, 'authorizer_refresh_token', 'none'),
      'refresh_token',
      /^no authorizer_refresh_token has been stored/,
      /merchant authorize,.*its authorizer_refresh_token in/,
    ],
    [
      refreshTokenIsMissing(MERCHANT, 'authorizer_refresh_token', 'refused'),
      'refresh_token',
      /rejected .* authorizer_refresh_token$/,
      /merchant authorize again,/,
    ],
    [
      refreshTokenIsMissing(KEY, 'refresh_token', 'expired'),
      'refresh_token',
      /the stored refresh_token has expired/,
      /user authorize again,/,
    ],
    [
      refreshTokenIsMissing(KEY, undefined, 'none'),
      'refresh_token',
      /^no refresh token has been stored/,
      /user authorize,.*its refresh token in/,
    ],
    [paramsAreMissing(KEY, true), 'params', /the params URL .*component_access_token/, /params URL/],
    [paramsAreMissing(KEY, false), 'params', /the params function .*component_access_token/, /params function/],
    [noUrlsHere(KEY), 'process', /URL/, /Run a server/],
    [
      functionIsMissing(KEY),
      'process',
      /function .*not registered in this process/,
      /registers this task with its function/,
    ],
    [noRefresher(KEY), 'process', /no refresher for component_access_token/, /refresher for component_access_token/],
    [noOneRefreshes(KEY), 'process', /refresh: 'never'/, /process that refreshes/],
    [appIsMissing(KEY), 'process', /no registration of the app wx1/, /Register wx1/],
    [storeTakesNoWrites(KEY), 'store', /accepts no writes/, /full, read-only or unavailable/],
    [documentIsUnreadable(KEY, 'it has format 2'), 'store', /^it has format 2$/, /release that wrote/],
  ])('the reason %#  says what is waited for, what lacks and what to do', (waiting, waitingFor, reason, remedy) => {
    expect(waiting.waitingFor).toBe(waitingFor);
    expect(waiting.reason).toMatch(reason);
    expect(waiting.remedy).toMatch(remedy);
  });

  test('the reason names the key that lacks something itself', () => {
    expect(ticketIsMissing(KEY, TICKET).root).toEqual(TICKET);
    expect(ticketIsRefused(KEY, TICKET).root).toEqual(TICKET);
    for (const of of [noUrlsHere, functionIsMissing, noRefresher, noOneRefreshes, appIsMissing, storeTakesNoWrites]) {
      expect(of(MERCHANT).root).toEqual(MERCHANT);
    }
  });

  test('a ticket that lacks itself is not said to be fetched as soon as it arrives', () => {
    expect(ticketIsMissing(TICKET, TICKET).remedy).toMatch(/one every ten minutes\.$/);
  });

  test('tickets that stopped are a reason with a remedy', () => {
    expect(TICKETS_STOPPED.reason).toContain('component_verify_ticket');
    expect(TICKETS_STOPPED.remedy).toContain('startPushTicket');
  });

  test('a dependency is named with its subject, and the key that has to be fixed first', () => {
    const waiting = dependencyIsMissing(KEY, MERCHANT, 'v1.2 was refused.', TICKET);
    expect(waiting).toEqual({
      waitingFor: 'dependency',
      reason: 'authorizer_access_token of wx1 for wx2 has no usable token: v1.2 was refused',
      remedy: expect.stringMatching(/^Fix component_verify_ticket of wx1 first: component_access_token /),
      root: TICKET,
    });
    expect(dependencyIsMissing(KEY, MERCHANT, 'no').root).toEqual(MERCHANT);
  });
});

describe('the input that an attempt lacked', () => {
  test.each([
    ['STORE_UNAVAILABLE', 'store', /^Check the disk, Redis or database/],
    ['NOT_REGISTERED', 'process', /^Register the app and the task/],
    ['TIMEOUT', 'dependency', /check the tokens that this one depends on/],
    ['INPUT_MISSING', 'params', /^Register the app and the task/],
  ])('the error %s of an attempt means waiting for the %s', (code, waitingFor, remedy) => {
    const waiting = attemptLacked(MERCHANT, new TokenError(code, 'it lacks that', {}));
    expect(waiting).toMatchObject({ waitingFor, reason: 'it lacks that', root: MERCHANT });
    expect(waiting.remedy).toMatch(remedy);
    expect(attemptLacked(MERCHANT, new TokenError(code, 'it lacks that', MERCHANT))).toEqual(waiting);
  });

  test('the error of another key means waiting for that', () => {
    const waiting = attemptLacked(MERCHANT, new TokenError('INPUT_MISSING', 'no ticket', TICKET));
    expect(waiting).toMatchObject({ waitingFor: 'dependency', root: TICKET });
    expect(waiting.reason).toContain('component_verify_ticket of wx1 has no usable token: no ticket');
  });

  test('the error of the same type for the whole app is that of another key', () => {
    const ofApp = tokenKey('wx1', 'authorizer_access_token', undefined);
    expect(attemptLacked(MERCHANT, new TokenError('INPUT_MISSING', 'no', ofApp))).toMatchObject({
      waitingFor: 'dependency',
      root: ofApp,
    });
  });
});
