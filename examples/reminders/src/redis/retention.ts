/** The number of outcomes of a reminder that are kept. */
export const MAX_OUTCOMES = 20;
/** The time for which each of them is kept. */
export const KEPT_SECONDS = 30 * 86_400;
