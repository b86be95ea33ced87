import { expect, test } from 'vitest';
import { platformsIn } from '../../../../src/page/tasks/platforms.js';

function task(appid: string, type: string, subject?: string) {
  return { id: `${appid}/${type}/${subject ?? ''}`, appid, type, subject, functionMissing: false };
}

test('The platforms are the apps with a token of a platform or of an authorizer, each once', () => {
  const tasks = [
    task('wxsecond', 'authorizer_access_token', 'wxshop1'),
    task('wxsecond', 'authorizer_access_token', 'wxshop2'),
    task('wxapp', 'access_token'),
    task('wxfirst', 'component_access_token'),
    task('wxsecond', 'component_access_token'),
  ];
  expect(platformsIn(tasks)).toEqual(['wxfirst', 'wxsecond']);
  expect(platformsIn([])).toEqual([]);
});
