/** Does nothing. It ignores the outcome of a promise that is handled elsewhere. */
export function noop(): void {}
