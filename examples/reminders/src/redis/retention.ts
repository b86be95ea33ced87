/** How many outcomes of a reminder are kept. */
export const MAX_OUTCOMES = 20;
/** How long each of them is kept. */
export const KEPT_SECONDS = 30 * 86_400;
