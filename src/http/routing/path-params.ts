/** The values of a path's params. */
export interface PathParams {
  /** Returns the decoded value of a param; `undefined` where the path has none of this name. */
  get(name: string): string | undefined;
}

/** The place of a param in a path. */
export interface ParamPlace {
  readonly name: string;
  readonly index: number;
}

/** Decodes a param when it is asked for: a map of them would be built for every request. */
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

/** Returns what is not encoded as it should be as it came: no name of ours has a `%`, so it is refused as a name. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
