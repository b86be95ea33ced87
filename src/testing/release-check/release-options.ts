import { readFields } from '../../core/primitives/assert-options.js';
import { isArray } from '../../core/primitives/foreign-objects.js';
import { describeKind, describeNumber, describeWord } from '../../core/primitives/redact.js';
import { TEST_PAIRS, type TestPair } from '../accounts/test-pairs.js';

/**
 * The options of a release check of the fake.
 *
 * @public
 */
export interface FakeReleaseCheckOptions {
  /**
   * The pair of test accounts: its number, from 1 to 5, or `'all'` for a check with each.
   *
   * @defaultValue one that is drawn, as WeChat does, by the randomness of the fake's clock
   */
  readonly pair?: number | 'all';
  /**
   * The steps that are played besides: the check of the URL, an event, and the text to the mini program. WeChat's page does
   * not have them, or no longer.
   *
   * @defaultValue none
   */
  readonly optionalSteps?: readonly ('url' | 'event' | 'mini-program-text')[];
  /**
   * The time in which the platform has to exchange the code and send the message. WeChat does not say how long it waits.
   *
   * @defaultValue 30 s
   * @bounds 1 to 600 s
   */
  readonly messageWithinSeconds?: number;
}

/** Checked options. */
export interface ReleasePlan {
  readonly pairs: readonly TestPair[];
  readonly optionalSteps: ReadonlySet<unknown>;
  readonly messageWithinSeconds: number;
}

const NAMES = ['pair', 'optionalSteps', 'messageWithinSeconds'] as const;
const OPTIONAL_STEPS: readonly unknown[] = ['url', 'event', 'mini-program-text'];
const MAX_SECONDS = 600;

/**
 * Checks options, and draws a pair if none is named.
 *
 * @throws TypeError that names the option.
 */
export function releasePlan(options: FakeReleaseCheckOptions, random: () => number): ReleasePlan {
  const given = readFields<Record<(typeof NAMES)[number], unknown>>(options, NAMES, 'options');
  const { pair = Math.floor(random() * TEST_PAIRS.length) + 1, optionalSteps = [], messageWithinSeconds = 30 } = given;
  return {
    pairs: pairsOf(pair),
    optionalSteps: checkedSteps(optionalSteps),
    messageWithinSeconds: checkedSeconds(messageWithinSeconds),
  };
}

function pairsOf(pair: unknown): readonly TestPair[] {
  if (pair === 'all') return TEST_PAIRS;
  const chosen = typeof pair === 'number' ? TEST_PAIRS[pair - 1] : undefined;
  if (chosen !== undefined) return [chosen];
  throw new TypeError(`pair must be 1 to ${TEST_PAIRS.length} or 'all', got ${describeWord(pair)}`);
}

function checkedSteps(steps: unknown): ReadonlySet<unknown> {
  if (!isArray(steps)) throw new TypeError(`optionalSteps must be an array, got ${describeKind(steps)}`);
  const unknown = steps.findIndex((step) => !OPTIONAL_STEPS.includes(step));
  if (unknown === -1) return new Set(steps);
  const [got, words] = [describeWord(steps[unknown]), OPTIONAL_STEPS.map((step) => `'${step}'`).join(', ')];
  throw new TypeError(`optionalSteps[${unknown}] must be one of ${words}, got ${got}`);
}

function checkedSeconds(seconds: unknown): number {
  if (typeof seconds === 'number' && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new TypeError(`messageWithinSeconds must be 1 to ${MAX_SECONDS}, got ${describeNumber(seconds)}`);
}
