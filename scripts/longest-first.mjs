// @ts-check
// This module orders test files for vitest, which starts the largest file first if it has not measured how long files
// take, as in a fresh clone. A short file may take long, and if it starts last all other workers are idle, so that the
// configurations name the longest files.
import { BaseSequencer } from 'vitest/node';

/**
 * Returns a sequencer that starts these files before all others of their project, in this order.
 *
 * @param {readonly string[]} longest - their paths from the root.
 * @returns {typeof BaseSequencer}
 */
export function longestFirst(longest) {
  return class LongestFirst extends BaseSequencer {
    /**
     * @override
     * @param {import('vitest/node').TestSpecification[]} specs
     */
    async sort(specs) {
      const places = new Map((await super.sort(specs)).map((spec, place) => [spec, place]));
      /** @param {import('vitest/node').TestSpecification} spec */
      const placeOf = (spec) => /** @type {number} */ (places.get(spec));
      /** @param {import('vitest/node').TestSpecification} spec */
      const rankOf = ({ moduleId }) => {
        const rank = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
        return rank === -1 ? longest.length : rank;
      };
      // The order of the projects is kept, so that the files of a project continue to share processes.
      return [...specs].sort((left, right) =>
        left.project === right.project && rankOf(left) !== rankOf(right)
          ? rankOf(left) - rankOf(right)
          : placeOf(left) - placeOf(right),
      );
    }
  };
}
