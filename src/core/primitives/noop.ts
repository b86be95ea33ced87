/** Does nothing: what a promise has come to is handled elsewhere. */
export function noop(): void {}
