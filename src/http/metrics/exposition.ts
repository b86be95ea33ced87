import type { Histogram, Labels } from '../../core/primitives/counters.js';

/** A value or a distribution of values, with labels. */
export interface Point {
  readonly labels?: Labels;
  readonly value: number | Histogram;
}

/** A metric family: all points with the same name. */
export interface MetricFamily {
  /** The name without the suffix that the values of a `counter` (`_total`) and an `info` (`_info`) have. */
  readonly name: string;
  /** The type of the metric. A `gaugehistogram` describes the current state, whereas a `histogram` only grows. */
  readonly type: 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'info';
  readonly help: string;
  /** The unit, with which the name ends. */
  readonly unit?: 'seconds';
  readonly points: readonly Point[];
}

/** A text format of metrics. */
export interface TextFormat {
  readonly contentType: string;
  /** Returns the lines that describe a family. */
  describe(family: MetricFamily): readonly string[];
  /** Returns the suffixes of the names of the count and the sum of a histogram. */
  summary(family: MetricFamily): readonly [count: string, sum: string];
  /** Formats the upper bound of a bucket. */
  bound(bound: number): string;
  readonly end: string;
}

/** The format that https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md defines. */
export const OPEN_METRICS: TextFormat = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  describe: ({ name, type, help, unit }) => [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
  ],
  summary: ({ type }) => (type === 'gaugehistogram' ? ['_gcount', '_gsum'] : ['_count', '_sum']),
  bound: (bound) => (Number.isInteger(bound) ? `${bound}.0` : written(bound)),
  end: '# EOF\n',
};

/** The types of the older format, by type of OpenMetrics, some of which it lacks. */
const CLASSIC_TYPES = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'histogram',
  info: 'gauge',
};

/** The format that https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format defines. */
export const CLASSIC: TextFormat = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  describe: (family) => {
    const name = sampleName(family);
    return [`# HELP ${name} ${escapedHelp(family.help)}`, `# TYPE ${name} ${CLASSIC_TYPES[family.type]}`];
  },
  summary: () => ['_count', '_sum'],
  bound: written,
  end: '',
};

/** Returns the text of a scrape. */
export function exposition(families: readonly MetricFamily[], format: TextFormat): string {
  const lines = families.flatMap((family) => [
    ...format.describe(family),
    ...family.points.flatMap((point) => samples(family, point, format)),
  ]);
  return `${lines.join('\n')}\n${format.end}`;
}

function samples(family: MetricFamily, { labels = {}, value }: Point, format: TextFormat): readonly string[] {
  if (typeof value === 'number') return [sample(sampleName(family), labels, value)];
  const { name } = family;
  let count = 0;
  const buckets = value.counts.map((inBucket, index) => {
    const bound = value.bounds[index];
    count += inBucket;
    return sample(`${name}_bucket`, { ...labels, le: bound === undefined ? '+Inf' : format.bound(bound) }, count);
  });
  const [countEnding, sumEnding] = format.summary(family);
  return [...buckets, sample(name + countEnding, labels, count), sample(name + sumEnding, labels, value.sum)];
}

const ENDINGS: Partial<Record<MetricFamily['type'], string>> = { counter: '_total', info: '_info' };

function sampleName({ name, type }: MetricFamily): string {
  return `${name}${ENDINGS[type] ?? ''}`;
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).flatMap(([label, text]) =>
    text === undefined ? [] : [`${label}="${escaped(text)}"`],
  );
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${written(value)}`;
}

function escaped(text: string): string {
  return escapedHelp(text).replaceAll('"', '\\"');
}

function escapedHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function written(value: number): string {
  return String(value).replace('Infinity', '+Inf').replace('-+', '-');
}
