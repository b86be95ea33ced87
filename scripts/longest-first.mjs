// @ts-check
// Vitest starts the largest file first where it has not seen how long files take, as in a fresh clone. A short file may
// take long, and one that starts last leaves all workers but its own idle, so the configurations name the longest.
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
      // A project stays where it is, so that its files go on sharing processes.
      return [...specs].sort((left, right) =>
        left.project === right.project && rankOf(left) !== rankOf(right)
          ? rankOf(left) - rankOf(right)
          : placeOf(left) - placeOf(right),
      );
    }
  };
}
