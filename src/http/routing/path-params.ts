/** The values of a path's params. */
export interface PathParams {
  /** Returns the decoded value of a param; `undefined` where the path has none of this name. */
  get(name: string): string | undefined;
}

/** The position of a param in a path. */
export interface ParamPlace {
  readonly name: string;
  readonly index: number;
}

/** Decodes params on demand, because a map of them would be built for every request. */
export class ParamsInSegments implements PathParams {
  readonly #places: readonly ParamPlace[];
  readonly #segments: readonly string[];

  constructor(places: readonly ParamPlace[], segments: readonly string[]) {
    this.#places = places;
    this.#segments = segments;
  }

  get(name: string): string | undefined {
    for (const place of this.#places) {
      if (place.name === name) return decoded(this.#segments[place.index] as string);
    }
    return undefined;
  }
}

/**
 * Returns the decoded segment, or the segment itself if its encoding is malformed. It is then refused as a name, because
 * no valid name contains a `%`.
 */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
