/**
 * The reason why a document is missing. `deleted`: it was deleted on purpose, or never existed. `lost`: the store has
 * lost it, and what is cached of it remains valid. `restored`: it has been put back, so that it has to be read again.
 */
export type Absence = 'deleted' | 'lost' | 'restored';

/** The part of a manager that knows what the store should contain, and so why something is missing. */
export interface AbsenceJudge {
  /**
   * Returns why the document with this id was found missing just now. Rejects with a `TokenError` if the reason cannot
   * be determined.
   */
  judgeAbsence(id: string): Promise<Absence>;
  /**
   * Checks whether the store has been replaced, as {@link judgeAbsence} does, if documents differ from what is cached
   * of them. Returns the instant at which it was last found to be replaced; negative infinity if it never was.
   */
  lookAtHistory(): Promise<number>;
  /**
   * Returns whether the app or task with this id comes from a store that was replaced, and has not been unregistered in
   * the replacing one. Another process may put it back, so documents that belong to it must not be deleted.
   */
  isAwaited(id: string): boolean;
  /**
   * Returns whether the enrolment with this mark was ended by this process, and is still to be removed from a store that
   * has brought it back. Nothing must be stored for it, as it would be removed with it.
   */
  isToBeRemoved(mark: string): boolean;
}

/** The judge of a store that has never lost anything. */
export const NOTHING_IS_LOST: AbsenceJudge = {
  judgeAbsence: async () => 'deleted',
  lookAtHistory: async () => Number.NEGATIVE_INFINITY,
  isAwaited: () => false,
  isToBeRemoved: () => false,
};
