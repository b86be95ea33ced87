import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { KeyMap } from '../../../../src/core/registry/key-map.js';

const name = fc.constantFrom('a', 'b', '__proto__');
const key = fc
  .tuple(name, name, fc.option(name, { nil: undefined }))
  .map(([appid, type, subject]) => tokenKey(appid, type, subject));
const step = fc.record({ action: fc.constantFrom('set', 'set', 'delete'), key, value: fc.nat(9) });

const sorted = (values: Iterable<number>): number[] => [...values].sort((one, other) => one - other);

describe('KeyMap', () => {
  test('KeyMap holds what a map by the id of the key would hold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const values = new KeyMap<number>();
        const model = new Map<string, { readonly key: TokenKey; readonly value: number }>();
        for (const { action, key: of, value } of steps) {
          const id = keyId(of);
          if (action === 'set') {
            values.set(of, value);
            model.set(id, { key: of, value });
          } else {
            expect(values.delete(of)).toBe(model.delete(id));
          }
          expect(values.get(of)).toBe(model.get(id)?.value);
        }
        const held = [...model.values()];
        expect(sorted(values.values())).toEqual(sorted(held.map(({ value }) => value)));
        for (const appid of ['a', 'b', '__proto__']) {
          const ofApp = held.filter((entry) => entry.key.appid === appid).map(({ value }) => value);
          expect(sorted(values.of(appid))).toEqual(sorted(ofApp));
        }
        for (const { key: of, value } of held) expect(values.get(of)).toBe(value);
        for (const { key: of } of held) expect(values.delete(of)).toBe(true);
        expect([...values.values()]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
