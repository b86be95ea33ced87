import { expect, test } from 'vitest';
import { acceptedFormat } from '../../../../src/http/metrics/accepted-format.js';
import { CLASSIC, OPEN_METRICS } from '../../../../src/http/metrics/exposition.js';

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';

test.each([
  PROMETHEUS_2,
  PROMETHEUS_3,
  'application/openmetrics-text',
  'Application/OpenMetrics-Text; Version=1.0.0 ; Q=0.5',
  'application/openmetrics-text, text/plain',
])('the Accept header %s selects OpenMetrics', (accept) => {
  expect(acceptedFormat(accept)).toBe(OPEN_METRICS);
});

test.each([
  undefined,
  '',
  '*/*',
  'text/plain;version=0.0.4',
  'text/html,application/xhtml+xml,*/*;q=0.8',
  'application/openmetrics-text;q=0',
  'application/openmetrics-text;q=x',
  'application/openmetrics-text;version=0.0.1',
  'application/openmetrics-text;q=0.5,text/plain;q=0.9',
  'application/openmetrics-text-of-another-kind',
  ';q,=,;;',
])('the Accept header %s selects the classic format', (accept) => {
  expect(acceptedFormat(accept)).toBe(CLASSIC);
});
