import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram } from '../../../../src/core/primitives/counters.js';
import { CLASSIC, exposition, type MetricFamily, OPEN_METRICS } from '../../../../src/http/metrics/exposition.js';

const FORMATS = [
  ['classic', CLASSIC],
  ['openmetrics', OPEN_METRICS],
] as const;

function histogram(bounds: number[], values: number[]): Histogram {
  const made = new Histogram(bounds);
  for (const value of values) made.observe(value);
  return made;
}

const family = (changes: Partial<MetricFamily>): MetricFamily => ({
  name: 'x_seconds',
  type: 'gauge',
  help: 'h',
  points: [],
  ...changes,
});

describe('types of metrics', () => {
  test.each([
    [
      family({ name: 'x', type: 'counter', points: [{ labels: { a: 'b' }, value: 3 }] }),
      '# HELP x_total h\n# TYPE x_total counter\nx_total{a="b"} 3\n',
      '# TYPE x counter\n# HELP x h\nx_total{a="b"} 3\n# EOF\n',
    ],
    [
      family({ name: 'x', type: 'info', points: [{ labels: { v: '1' }, value: 1 }] }),
      '# HELP x_info h\n# TYPE x_info gauge\nx_info{v="1"} 1\n',
      '# TYPE x info\n# HELP x h\nx_info{v="1"} 1\n# EOF\n',
    ],
    [
      family({ unit: 'seconds', points: [{ value: -0.5 }] }),
      '# HELP x_seconds h\n# TYPE x_seconds gauge\nx_seconds -0.5\n',
      '# TYPE x_seconds gauge\n# UNIT x_seconds seconds\n# HELP x_seconds h\nx_seconds -0.5\n# EOF\n',
    ],
    [
      family({ type: 'histogram', points: [{ labels: { a: 'b' }, value: histogram([0.5, 1], [0.2, 0.7, 9]) }] }),
      '# HELP x_seconds h\n# TYPE x_seconds histogram\n' +
        'x_seconds_bucket{a="b",le="0.5"} 1\nx_seconds_bucket{a="b",le="1"} 2\nx_seconds_bucket{a="b",le="+Inf"} 3\n' +
        'x_seconds_count{a="b"} 3\nx_seconds_sum{a="b"} 9.9\n',
      '# TYPE x_seconds histogram\n# HELP x_seconds h\n' +
        'x_seconds_bucket{a="b",le="0.5"} 1\nx_seconds_bucket{a="b",le="1.0"} 2\nx_seconds_bucket{a="b",le="+Inf"} 3\n' +
        'x_seconds_count{a="b"} 3\nx_seconds_sum{a="b"} 9.9\n# EOF\n',
    ],
    [
      family({ type: 'gaugehistogram', points: [{ value: histogram([0], [5]) }] }),
      '# HELP x_seconds h\n# TYPE x_seconds histogram\n' +
        'x_seconds_bucket{le="0"} 0\nx_seconds_bucket{le="+Inf"} 1\nx_seconds_count 1\nx_seconds_sum 5\n',
      '# TYPE x_seconds gaugehistogram\n# HELP x_seconds h\n' +
        'x_seconds_bucket{le="0.0"} 0\nx_seconds_bucket{le="+Inf"} 1\nx_seconds_gcount 1\nx_seconds_gsum 5\n# EOF\n',
    ],
  ])('the family of case %# is written in both formats', (given, classic, openMetrics) => {
    expect(exposition([given], CLASSIC)).toBe(classic);
    expect(exposition([given], OPEN_METRICS)).toBe(openMetrics);
  });
});

test.each([
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
  [Number.NaN, 'NaN'],
  [1e21, '1e+21'],
])('the value %d is written as %s', (value, text) => {
  expect(exposition([family({ points: [{ value }] })], CLASSIC)).toContain(`\nx_seconds ${text}\n`);
});

test('a label without a value is left out', () => {
  const points = [
    { labels: { a: undefined, b: 'c' }, value: 1 },
    { labels: { a: undefined }, value: 2 },
  ];
  expect(exposition([family({ points })], CLASSIC)).toContain('\nx_seconds{b="c"} 1\nx_seconds 2\n');
});

test('a help text of several lines is written on one', () => {
  const given = family({ help: 'a\nb\\"' });
  expect(exposition([given], CLASSIC)).toContain('# HELP x_seconds a\\nb\\\\"\n');
  expect(exposition([given], OPEN_METRICS)).toContain('# HELP x_seconds a\\nb\\\\\\"\n');
});

test.each(FORMATS)('any label is written on one line and is read back unchanged: %s', (_name, format) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', '}', ' ', ',', '=', 'é', '中') }), (text) => {
      const page = exposition([family({ points: [{ labels: { a: text }, value: 7 }] })], format);
      const line = page.split('\n').find((each) => each.startsWith('x_seconds{')) ?? '';
      const [, written = ''] = /^x_seconds\{a="((?:[^"\\]|\\.)*)"\} 7$/.exec(line) ?? [];
      expect(written.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))).toBe(text);
    }),
  );
});

test.each(FORMATS)('buckets are cumulative, and the last is the count: %s', (_name, format) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 1 }),
      fc.array(fc.integer({ min: 0, max: 60 })),
      (bounds, values) => {
        const rising = bounds.toSorted((a, b) => a - b);
        const page = exposition(
          [family({ type: 'histogram', points: [{ value: histogram(rising, values) }] })],
          format,
        );
        const buckets = [...page.matchAll(/_bucket\{le="([^"]+)"\} (\d+)/g)];
        expect(buckets.map(([, le]) => Number(le?.replace('+Inf', 'Infinity')))).toEqual([...rising, Infinity]);
        const expected = [...rising, Infinity].map((bound) => values.filter((value) => value <= bound).length);
        expect(buckets.map(([, , count]) => Number(count))).toEqual(expected);
        expect(page).toContain(`x_seconds_count ${values.length}\n`);
      },
    ),
  );
});
