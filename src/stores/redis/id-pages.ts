const PAGE = 200;

/**
 * Yields the ids at and below a prefix in pages, in order: the prefix itself, and then the ids that begin with it and
 * `/`. The range ends before `0`, which is the character after `/`.
 */
export async function* listIds(
  send: (args: readonly string[]) => Promise<unknown>,
  key: string,
  prefix: string,
  after: string,
  limit: number,
): AsyncGenerator<string[], void, undefined> {
  const below = `${prefix}/`;
  const end = `(${prefix}0`;
  if (limit <= 0) return;
  let first = after < prefix ? [prefix] : [];
  let start = after < below ? `[${below}` : `(${after}`;
  for (;;) {
    const size = Math.min(PAGE, limit);
    const ids = (await send(['zrangebylex', key, start, end, 'LIMIT', '0', String(Math.ceil(size))])) as string[];
    yield [...first, ...ids];
    if (ids.length < size) return;
    first = [];
    start = `(${ids.at(-1)}`;
  }
}
