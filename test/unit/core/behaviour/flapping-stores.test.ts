import { expect, test } from 'vitest';
import { TokenManager } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { RestorableStore } from '../../../support/stores/restorable-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { RotatingRefresher } from '../../../support/worlds/rotating-refresher.js';
import { ID, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

test('a refresh token is put back into a store that was emptied again while its absence was judged', async () => {
  const clock = new FakeClock();
  const store = new RestorableStore(clock);
  const way = new FaultyStore(shared(store));
  const upstream = new RotatingRefresher();
  const tokens = new TokenManager<'user_token'>({ store: way, clock, refreshers: [upstream] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, ...USER }] });
  const refreshToken = upstream.authorize();
  await tokens.put(APPID, TYPE, { value: 'login', expiresInSeconds: 7_200, refreshToken }, USER);
  await clock.advance(2_000);
  const state = store.state();
  let isShown = false;
  way.before = (method, id) => {
    if (method !== 'get') return;
    if (id === 'store/~history' && !isShown) {
      isShown = true;
      store.restore(state);
    } else if (isShown && id !== 'store/~history') {
      way.before = () => {};
      store.wipe();
    }
  };
  store.wipe();
  store.tell(ID);
  await clock.advance(70_000);
  expect(isShown).toBe(true);
  expect(store.data(ID)).toMatchObject({ rotation: { token: refreshToken } });
  await tokens.close();
});
