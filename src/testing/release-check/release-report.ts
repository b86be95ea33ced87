/**
 * A step of WeChat's release check: the check of the URL (`url`), the push of a ticket (`ticket`), the push of an
 * authorization (`authorized`), an event and its reply (`event`), the text that is to be replied to (`text`), the text with a
 * code and its answer (`code`), the exchange of that code (`exchange`), the message that the platform then sends (`message`).
 *
 * @public
 */
export type FakeReleaseStepName = 'url' | 'ticket' | 'authorized' | 'event' | 'text' | 'code' | 'exchange' | 'message';

/**
 * A step of a release check, as it went.
 *
 * @public
 */
export interface FakeReleaseStep {
  /** The step. */
  readonly step: FakeReleaseStepName;
  /** The test account that it was about; in the steps `url` and `ticket` the platform. */
  readonly account: string;
  /** Whether the server did what WeChat expects. */
  readonly passed: boolean;
  /** The words for what was expected and what came, without any secret; `undefined` if the step was passed. */
  readonly reason: string | undefined;
}

/**
 * The report of a release check.
 *
 * @public
 */
export interface FakeReleaseReport {
  /** Whether every step was passed. */
  readonly passed: boolean;
  /** The steps in their order. */
  readonly steps: readonly FakeReleaseStep[];
}
