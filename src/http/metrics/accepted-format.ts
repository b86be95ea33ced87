import { CLASSIC, OPEN_METRICS, type TextFormat } from './exposition.js';

interface MediaRange {
  readonly type: string;
  readonly version: string | undefined;
  readonly quality: number;
}

/** Returns the format for an `Accept` header: OpenMetrics only if the header names it and prefers no other. */
export function acceptedFormat(accept: string | undefined): TextFormat {
  const ranges = (accept ?? '').split(',').map(mediaRange);
  const openMetrics = bestQuality(ranges, 'application/openmetrics-text');
  return openMetrics > 0 && openMetrics >= bestQuality(ranges, 'text/plain') ? OPEN_METRICS : CLASSIC;
}

/**
 * Returns the highest quality of a type in the header; 0 if it is missing. The older draft of OpenMetrics, 0.0.1, is not
 * supported.
 */
function bestQuality(ranges: readonly MediaRange[], type: string): number {
  const wanted = ranges.filter((range) => range.type === type && range.version !== '0.0.1');
  return Math.max(0, ...wanted.map(({ quality }) => quality));
}

function mediaRange(text: string): MediaRange {
  const [type = '', ...params] = text.split(';').map((part) => part.trim().toLowerCase());
  const param = (name: string): string | undefined =>
    params.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
  const quality = Number(param('q') ?? 1);
  return { type, version: param('version'), quality: Number.isNaN(quality) ? 0 : quality };
}
