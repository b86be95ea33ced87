import { expect, test } from 'vitest';
import { assertParamSecrets } from '../../../../src/core/model/param-secrets.js';

test.each(['refresh_token', 'authorizer_refresh_token', 'component_verify_ticket'])(
  'the param %s may contain no stray character, and any other param may',
  (name) => {
    expect(() => assertParamSecrets('params', { [name]: 'CANARY\n' })).toThrow(
      new TypeError(`params.${name} must not end with white space (U+000A)`),
    );
    expect(() => assertParamSecrets('params', { [name]: 'CANARY', scope: ' x\n' })).not.toThrow();
    expect(() => assertParamSecrets('params', { [name]: 5 })).not.toThrow();
  },
);

test('a secret among params that cannot be read is refused without what its getter throws', () => {
  const params = Object.defineProperty({}, 'refresh_token', {
    get() {
      throw new Error('CANARY');
    },
  });
  expect(() => assertParamSecrets('params', params)).toThrow(new TypeError('params: refresh_token cannot be read'));
});
